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

    /// - Parameter what: what can't be done.
    init(_ what: String, _ error: SystemCallError, remedy: String) {
        guard !error.isLackOfResources else {
            self.init(shortage: error)
            return
        }
        self.init(
            "\(what): \(error.reason)",
            path: error.path.isEmpty ? nil : error.path,
            remedy: remedy,
            status: ProcessStatus(error)
        )
    }

    /// The process's own matter.
    init(shortage error: SystemCallError) {
        self.init(
            "no descriptor or memory left: \(error.call): \(error.reason)",
            path: error.path.isEmpty ? nil : error.path,
            remedy: "raise the limits (ulimit -n, ulimit -v, or those of the system) and try again",
            status: .storageFailed
        )
    }

    /// A storage error's message says what happened, then what to do, as sentences or clauses of one.
    init(_ error: StorageError) {
        if let call = error.systemCall, call.isLackOfResources {
            self.init(shortage: call)
            return
        }
        let (what, remedy) = Self.split(error.message)
        self.init(what, path: error.path, remedy: Self.ownRemedy(error) ?? remedy, status: ProcessStatus(error))
    }

    /// Where this tool has a remedy of its own, in place of the engine's.
    private static func ownRemedy(_ error: StorageError) -> String? {
        switch error.code {
        case .unusableKey where !error.missingKeys.isEmpty:
            "give the key with --key-file PATH (more of them: repeat it), or one as text in \(KeyArguments.variable)"
        case .notEncrypted:
            "leave the key away; if its encryption was switched off, add --encryption-off. "
                + "If it must be encrypted, somebody replaced it: restore a backup"
        default: nil
        }
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
