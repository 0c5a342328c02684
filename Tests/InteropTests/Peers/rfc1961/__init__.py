"""An independent reading of RFC 1961 (GSS-API for SOCKS5) for tests.

Written from RFC 1928, RFC 1961, RFC 2743 and RFC 4121 only, on the system's GSS library. It shares no code with the
implementation under test, so that a mistake made at both of its ends shows here.
"""
