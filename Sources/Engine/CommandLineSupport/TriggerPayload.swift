/// The payload of `iii trigger` from `--json` and `key=value` arguments (cli.md §3.1).
public enum TriggerPayload {
    /// Why arguments make no payload; printed as `Error: <message>` with the cause below.
    public struct Invalid: Error, Equatable, Sendable {
        public let message: String
        public let cause: String?

        init(_ message: String, cause: String? = nil) {
            self.message = message
            self.cause = cause
        }
    }

    /// Nothing gives `{}`; `--json` alone is sent as it is; `key=value` members override those of `--json`.
    public static func build(json: PayloadText?, keyValues: [String]) throws(Invalid) -> JSON {
        var members: [(key: String, value: JSON)] = []
        for token in keyValues { members.append(try member(token)) }
        guard let json else { return .object(merge(members, into: JSONObject())) }
        let base = try json.parse()
        if members.isEmpty { return base }
        guard case .object(let object) = base else {
            throw Invalid("--json must be an object when combined with kv pairs")
        }
        return .object(merge(members, into: object))
    }

    /// Split at the first `=`. A value that reads as JSON is that, anything else a string.
    private static func member(_ token: String) throws(Invalid) -> (key: String, value: JSON) {
        guard let equals = token.utf8.firstIndex(of: UInt8(ascii: "=")) else {
            throw Invalid("expected key=value, got `\(token)`")
        }
        let key = String(token[..<equals])
        guard !key.isEmpty else { throw Invalid("payload key must not be empty (got `\(token)`)") }
        let value = String(token[token.utf8.index(after: equals)...])
        return (key, (try? JSON.parse(value)) ?? .string(value))
    }

    private static func merge(_ members: [(key: String, value: JSON)], into base: JSONObject) -> JSONObject {
        var object = base
        for member in members { object.set(member.key, member.value) }
        return object
    }
}
