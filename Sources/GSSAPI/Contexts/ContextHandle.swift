internal import CGSSAPI

/// The library's context, deleted exactly once: also one left behind by a failed step.
@safe
struct ContextHandle: ~Copyable, @unchecked Sendable {
  var raw: gss_ctx_id_t?

  init() {
    unsafe raw = nil
  }

  deinit {
    guard unsafe raw != nil else { return }
    var raw = unsafe self.raw
    var minor: OM_uint32 = 0
    _ = unsafe gss_delete_sec_context(&minor, &raw, nil)
  }
}
