/// The argument parser's refusals in the words that cli.md §1.3 gives.
enum ArgumentRefusal {
    static func reword(_ message: String) -> String {
        let quoted = quotedParts(message)
        guard let first = quoted.first else { return message }
        if message.hasPrefix("Unknown option") || message.hasPrefix("Unexpected argument")
            || message.contains("unexpected arguments")
        {
            return "unexpected argument '\(first)' found"
        }
        if message.hasPrefix("The value"), quoted.count > 1 {
            return "invalid value '\(first)' for '\(quoted[1])'"
        }
        if message.hasPrefix("Missing value") {
            return "a value is required for '\(first)' but none was supplied"
        }
        return message
    }

    /// What stands between single quotes.
    private static func quotedParts(_ message: String) -> [String] {
        let parts = message.split(separator: "'", omittingEmptySubsequences: false)
        return parts.indices.filter { $0 % 2 == 1 }.map { String(parts[$0]) }
    }
}
