/// The address of an engine as `III_URL` names it, for SDKs and commands alike: `ws://HOST[:PORT]`.
public struct EngineURL: Equatable, Sendable {
    public static let variable = "III_URL"

    public let host: String
    public let port: UInt16

    /// That of the scheme: SDKs connect to it when the URL names none.
    private static let defaultPort: UInt16 = 80
    private static let scheme = "ws://"

    /// Nil for anything that isn't a plain WebSocket URL of the engine's root.
    public init?(_ text: String) {
        guard text.lowercased().hasPrefix(Self.scheme) else { return nil }
        var authority = text.dropFirst(Self.scheme.count)
        if authority.last == "/" { authority.removeLast() }
        guard !authority.contains(where: { "/?#@".contains($0) || $0.isWhitespace }) else { return nil }
        guard let (host, port) = Self.split(authority), !host.isEmpty else { return nil }
        self.host = String(host)
        self.port = port
    }

    /// An IPv6 address is in brackets.
    private static func split(_ authority: Substring) -> (host: Substring, port: UInt16)? {
        var host = authority
        var rest: Substring = ""
        if authority.first == "[" {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            host = authority[..<end].dropFirst()
            rest = authority[end...].dropFirst()
        } else if let colon = authority.firstIndex(of: ":") {
            (host, rest) = (authority[..<colon], authority[colon...])
        }
        if rest.isEmpty { return (host, defaultPort) }
        guard rest.first == ":", rest.dropFirst().allSatisfy(\.isNumber), let port = UInt16(rest.dropFirst()), port > 0
        else { return nil }
        return (host, port)
    }
}
