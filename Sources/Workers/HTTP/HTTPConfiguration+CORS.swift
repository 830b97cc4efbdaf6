import Engine

extension HTTPConfiguration.CORS {
    /// Reads the `cors` block. An entry that no browser can ever match is refused: its owner believes that it counts.
    init(_ reader: ConfigReader) throws(ConfigurationError) {
        allowedOrigins = try reader.strings("allowed_origins") ?? []
        allowedMethods = try reader.strings("allowed_methods") ?? []
        for (index, origin) in allowedOrigins.enumerated() where !Self.isOrigin(origin) {
            throw reader.rejected(
                "allowed_origins",
                at: index,
                "'\(origin)' is never a browser's origin, which is scheme, host and port in lower case without a path "
                    + "and without a default port. Write it like 'https://app.example.com' or 'http://localhost:5173', "
                    + "or '*' for all"
            )
        }
        for (index, method) in allowedMethods.enumerated() where !ResponseHeaders.isToken(method) {
            throw reader.rejected("allowed_methods", at: index, "'\(method)' is no HTTP method. Write it like 'POST'")
        }
    }

    /// `*`, `null` (a page without an origin of its own), or the ASCII serialisation of an origin (RFC 6454 §6.2).
    private static func isOrigin(_ text: String) -> Bool {
        if text == "*" || text == "null" { return true }
        guard let separator = text.firstRange(of: "://") else { return false }
        let scheme = text[..<separator.lowerBound]
        let (host, port) = split(text[separator.upperBound...])
        return isScheme(scheme) && isHost(host) && isPort(port, of: scheme)
    }

    /// At the colon behind the host; those inside `[…]` belong to an IPv6 address.
    private static func split(_ authority: Substring) -> (host: Substring, port: Substring?) {
        let start = authority.first == "[" ? authority.firstIndex(of: "]") ?? authority.endIndex : authority.startIndex
        guard let colon = authority[start...].firstIndex(of: ":") else { return (authority, nil) }
        return (authority[..<colon], authority[authority.index(after: colon)...])
    }

    private static func isScheme(_ scheme: Substring) -> Bool {
        guard let first = scheme.utf8.first, isLetter(first) else { return false }
        return scheme.utf8.allSatisfy { isLetter($0) || isDigit($0) || "+-.".utf8.contains($0) }
    }

    private static func isHost(_ host: Substring) -> Bool {
        let isAddress = host.first == "[" && host.last == "]"
        let name = isAddress ? host.dropFirst().dropLast() : host
        return !name.isEmpty
            && name.utf8.allSatisfy { isLetter($0) || isDigit($0) || (isAddress ? ":." : "-._").utf8.contains($0) }
    }

    private static func isPort(_ port: Substring?, of scheme: Substring) -> Bool {
        guard let port else { return true }
        guard port.utf8.allSatisfy(isDigit), port.first != "0", let number = UInt16(port) else { return false }
        return !(scheme == "https" && number == 443 || scheme == "http" && number == 80)
    }

    private static func isLetter(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") }
    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
}
