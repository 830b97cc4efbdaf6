import NIOHTTP1

extension HTTPRequestHead {
    /// The rule of RFC 9112 that this head breaks although it could be parsed; nil when it breaks none. Intermediaries
    /// disagree about such requests, which is how one client's bytes become another's request. The answer is 400.
    package var violation: String? {
        var hosts = 0
        var codings = 0
        for (name, value) in headers {
            if name.isEqualIgnoringCase(to: "host") {
                hosts += 1
                guard Self.isHost(value) else { return "Host is not a name or address with an optional port" }
            } else if name.isEqualIgnoringCase(to: "transfer-encoding") {
                codings += 1
                guard value.isEqualIgnoringCase(to: "chunked") else { return "Transfer-Encoding is not chunked" }
            }
        }
        guard codings <= 1 else { return "Transfer-Encoding is given \(codings) times" }
        guard codings == 0 || version != .http1_0 else { return "Transfer-Encoding needs HTTP/1.1" }
        guard hosts <= 1 else { return "Host is given \(hosts) times" }
        guard hosts == 1 || version == .http1_0 else { return "Host is missing" }
        return nil
    }

    /// Excludes what would end the authority of a URI. An empty value is allowed (RFC 9112 §3.2).
    private static func isHost(_ value: String) -> Bool {
        value.utf8.allSatisfy { byte in
            switch byte {
            case ...0x20, 0x7F: false
            case UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#"), UInt8(ascii: "@"), UInt8(ascii: "\\"): false
            default: true
            }
        }
    }
}
