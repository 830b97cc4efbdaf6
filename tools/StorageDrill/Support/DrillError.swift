import Glibc

/// Why a drill could not be carried out. (What it finds wrong with a store is a `Verdict`, not an error.)
public struct DrillError: Error, Sendable, CustomStringConvertible {
    /// What happened and what to do next.
    public var message: String
    public var path: String?

    public init(_ message: String, path: String? = nil) {
        self.message = message
        self.path = path
    }

    /// A failed system call; call it before anything else changes errno.
    static func failed(_ call: String, _ path: String) -> DrillError {
        let number = errno
        let reason = strerror(number).map { String(cString: $0) } ?? "error"
        return DrillError("\(call) failed: \(reason) (errno \(number))", path: path)
    }

    public var description: String { path.map { "\(message) [path \($0)]" } ?? message }
}
