#if canImport(Glibc)
    import Glibc
#endif

/// Why an upstream volume can't be listed, read or written: what happened, where, and what to do next.
///
/// A single damaged file is no error: it is reported as `UpstreamDamage`, and the other files are read.
public struct UpstreamError: Error, Sendable, CustomStringConvertible {
    /// Open: more kinds may come.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        public let description: String

        /// The path isn't a directory that can be read or written.
        public static let unusableDirectory = Code(description: "unusableDirectory")
        /// More files than `UpstreamVolume.maximumFiles`.
        public static let tooManyFiles = Code(description: "tooManyFiles")
        /// A system call failed on one file.
        public static let inputOutput = Code(description: "inputOutput")
        /// The file name would be longer than a file system takes.
        public static let nameTooLong = Code(description: "nameTooLong")
        /// The same key twice among the entries to write.
        public static let duplicateKey = Code(description: "duplicateKey")
        /// A value to write isn't one complete JSON text.
        public static let notJSON = Code(description: "notJSON")
        /// A value that upstream can store but not load again: writing it would cost the whole index there.
        public static let unreadableUpstream = Code(description: "unreadableUpstream")
        /// An index beyond `UpstreamArchive.maximumTextBytes`.
        public static let tooLarge = Code(description: "tooLarge")
        /// Files that can't be read, or have names that upstream reads and doesn't write: taking the others only would
        /// lose them without a word.
        public static let damagedFiles = Code(description: "damagedFiles")
        /// Files of no worker that has the path: taking the others only would lose them without a word.
        public static let unattributed = Code(description: "unattributed")
        /// The disk has less room than the volume's content needs.
        public static let lowSpace = Code(description: "lowSpace")
        /// The volume changed while it was read.
        public static let changed = Code(description: "changed")
        /// What was read back isn't what was written.
        public static let verificationFailed = Code(description: "verificationFailed")
    }

    public var code: Code
    /// A sentence for people, with the next step.
    public var message: String
    public var path: String?
    /// The failed system call and its errno.
    public var call: String?
    public var number: Int32?

    public init(_ code: Code, _ message: String, path: String? = nil) {
        self.code = code
        self.message = message
        self.path = path
    }

    /// Reads `errno`: make it right behind the call that failed.
    static func failed(_ call: String, _ path: String, _ code: Code = .inputOutput, next: String) -> UpstreamError {
        let number = errno
        let reason = strerror(number).map { String(cString: $0) } ?? "error \(number)"
        var error = UpstreamError(code, "\(reason). \(next)", path: path)
        error.call = call
        error.number = number
        return error
    }

    public var description: String {
        var text = "\(code): \(message)"
        if let path { text += " [path \(path)]" }
        if let call, let number { text += " [\(call): errno \(number)]" }
        return text
    }
}
