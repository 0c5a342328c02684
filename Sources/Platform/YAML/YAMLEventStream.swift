import CLibYAML

/// One step of libyaml's parser, as a safe value.
struct YAMLEvent {
  let kind: Kind
  let place: YAMLPlace
  let isAnchored: Bool
  let isTagged: Bool

  enum Kind {
    case streamStart, streamEnd, documentStart, documentEnd
    case scalar(YAMLScalar)
    case alias(name: String)
    case sequenceStart, sequenceEnd, mappingStart, mappingEnd
  }
}

/// libyaml's event parser over its own copy of a text.
///
/// The parser keeps a pointer to itself and to the text; so both live at fixed addresses, owned by this value.
@safe struct YAMLEventStream: ~Copyable {
  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let text: UnsafeMutableBufferPointer<UInt8>
  private let source: YAMLSource
  /// Whether libyaml could not allocate its buffers. Then there is nothing to ask and nothing to delete.
  private let isBroken: Bool

  init(source: YAMLSource) {
    self.source = source
    let octets = source.octetsAfterMark
    // libyaml asserts that the input is not a null pointer, hence never an empty allocation.
    unsafe text = .allocate(capacity: max(1, octets.count))
    unsafe text.initialize(repeating: 0)
    for (index, octet) in octets.enumerated() { unsafe text[index] = octet }
    unsafe parser = .allocate(capacity: 1)
    unsafe parser.initialize(to: yaml_parser_t())
    unsafe isBroken = yaml_parser_initialize(parser) == 0
    if !isBroken {
      // Named, because libyaml would otherwise read UTF-16 when a byte order mark says so.
      unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
      unsafe yaml_parser_set_input_string(parser, text.baseAddress, octets.count)
    }
  }

  deinit {
    if !isBroken { unsafe yaml_parser_delete(parser) }
    unsafe parser.deallocate()
    unsafe text.deallocate()
  }

  /// The next event. After `streamEnd` or an error there is nothing more to ask.
  mutating func next() throws(YAMLError) -> YAMLEvent {
    guard !isBroken else { throw YAMLError(place: YAMLPlace(line: 1, column: 1), message: "out of memory") }
    var event = unsafe yaml_event_t()
    guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw failure() }
    defer { unsafe yaml_event_delete(&event) }
    return unsafe YAMLEvent(event)
  }

  private func failure() -> YAMLError {
    let parser = unsafe self.parser.pointee
    let problem = unsafe Self.text(parser.problem) ?? "this is not YAML"
    switch unsafe parser.error {
    case YAML_READER_ERROR:
      return unsafe YAMLError(
        place: source.place(ofOctetAt: parser.problem_offset), message: "\(problem); the text must be plain UTF-8")
    case YAML_MEMORY_ERROR:
      return unsafe YAMLError(place: YAMLPlace(parser.mark), message: "out of memory")
    default:
      var message = problem
      if let context = unsafe Self.text(parser.context) {
        if ["while scanning an alias", "while scanning an anchor"].contains(context) {
          return unsafe YAMLError(
            place: YAMLPlace(parser.context_mark),
            message: "an alias or anchor has no name; text that begins with * or & needs quotes")
        }
        message += unsafe " \(context) that begins on line \(parser.context_mark.line + 1)"
      }
      return unsafe YAMLError(place: YAMLPlace(parser.problem_mark), message: message)
    }
  }

  private static func text(_ pointer: UnsafePointer<CChar>?) -> String? {
    guard let pointer = unsafe pointer else { return nil }
    return unsafe String(cString: pointer)
  }
}

extension YAMLPlace {
  fileprivate init(_ mark: yaml_mark_t) {
    self.init(line: mark.line + 1, column: mark.column + 1)
  }
}

extension YAMLEvent {
  /// Copies what an event says. The event stays the caller's.
  fileprivate init(_ event: borrowing yaml_event_t) {
    place = unsafe YAMLPlace(event.start_mark)
    switch unsafe event.type {
    case YAML_SCALAR_EVENT:
      let scalar = unsafe event.data.scalar
      kind = unsafe .scalar(YAMLScalar(scalar))
      isAnchored = unsafe scalar.anchor != nil
      isTagged = unsafe scalar.tag != nil
      return
    case YAML_ALIAS_EVENT:
      let name = unsafe event.data.alias.anchor
      kind = unsafe .alias(name: name.map { unsafe String(cString: $0) } ?? "")
    case YAML_SEQUENCE_START_EVENT:
      kind = .sequenceStart
      isAnchored = unsafe event.data.sequence_start.anchor != nil
      isTagged = unsafe event.data.sequence_start.tag != nil
      return
    case YAML_MAPPING_START_EVENT:
      kind = .mappingStart
      isAnchored = unsafe event.data.mapping_start.anchor != nil
      isTagged = unsafe event.data.mapping_start.tag != nil
      return
    case YAML_SEQUENCE_END_EVENT: kind = .sequenceEnd
    case YAML_MAPPING_END_EVENT: kind = .mappingEnd
    case YAML_DOCUMENT_START_EVENT: kind = .documentStart
    case YAML_DOCUMENT_END_EVENT: kind = .documentEnd
    case YAML_STREAM_START_EVENT: kind = .streamStart
    // A stream that has ended answers with events of no type.
    default: kind = .streamEnd
    }
    isAnchored = false
    isTagged = false
  }
}

extension YAMLScalar {
  /// libyaml's scalars are valid UTF-8 of the given length, and may hold NUL.
  fileprivate init(_ scalar: yaml_event_t.__Unnamed_union_data.__Unnamed_struct_scalar) {
    let octets = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
    let style: Style =
      switch unsafe scalar.style {
      case YAML_SINGLE_QUOTED_SCALAR_STYLE: .singleQuoted
      case YAML_DOUBLE_QUOTED_SCALAR_STYLE: .doubleQuoted
      case YAML_LITERAL_SCALAR_STYLE: .literal
      case YAML_FOLDED_SCALAR_STYLE: .folded
      default: .plain
      }
    self.init(text: unsafe String(decoding: octets, as: UTF8.self), style: style)
  }
}
