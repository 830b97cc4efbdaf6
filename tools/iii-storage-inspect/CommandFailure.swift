import Storage

/// A failure as people see it: one line, `error: what [path …] — what to do`.
struct CommandFailure: Error {
    var what: String
    var path: String?
    var remedy: String
    var status: ProcessStatus

    init(_ what: String, path: String?, remedy: String, status: ProcessStatus = .usage) {
        self.what = what
        self.path = path
        self.remedy = remedy
        self.status = status
    }

    /// A storage error's message says what happened, then what to do, as sentences or clauses of one.
    init(_ error: StorageError) {
        let (what, remedy) = Self.split(error.message)
        self.init(what, path: error.path, remedy: remedy, status: ProcessStatus(error))
    }

    var line: String {
        var line = "error: \(what)"
        if let path { line += " [path \(path)]" }
        return remedy.isEmpty ? line : line + " — \(remedy)"
    }

    private static func split(_ message: String) -> (String, String) {
        var previous: Character?
        for index in message.indices {
            if message[index] == " ", previous == ";" || previous == "." {
                return (
                    String(message[..<message.index(before: index)]), String(message[message.index(after: index)...])
                )
            }
            previous = message[index]
        }
        return (message, "")
    }
}
