import Glibc

/// What went wrong, where, why, and what to do next.
public struct StorageError: Error, Sendable, CustomStringConvertible {
    /// Open: more kinds may come.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        public let description: String

        init(description: String) {
            self.description = description
        }

        /// A code out of its own description, for errors that come from another process.
        public init(named name: String) {
            self.init(description: name)
        }

        /// The directory can't be used: missing rights, not a directory, no such device.
        public static let unusableDirectory = Code(description: "unusableDirectory")
        /// Another process or another engine in this one has the store open (I9, R18).
        public static let locked = Code(description: "locked")
        /// A network file system without `allowNetworkFilesystem`.
        public static let networkFilesystem = Code(description: "networkFilesystem")
        /// Files that must be there are not (R2, R11).
        public static let missingFiles = Code(description: "missingFiles")
        /// Acknowledged data is damaged (R7, R9): never repaired by forgetting (I7).
        public static let damaged = Code(description: "damaged")
        /// A file that belongs elsewhere (R13).
        public static let foreignFile = Code(description: "foreignFile")
        /// Written by a newer version (R14).
        public static let needsVersion = Code(description: "needsVersion")
        /// Sound checksums around content that makes no sense (R15).
        public static let writerBug = Code(description: "writerBug")
        /// The device failed to read (R16), or a system call failed while opening or closing.
        public static let inputOutput = Code(description: "inputOutput")
        /// A write or sync of the log failed: what was not durable by then may be lost. The store refuses from then on.
        public static let durabilityLost = Code(description: "durabilityLost")
        /// Too much is waiting for the disk. Nothing was done; retry when `Store.isSaturated` is false.
        public static let overloaded = Code(description: "overloaded")
        /// The disk is full. Nothing was done; reads and deletes go on, writes resume when there is room.
        public static let lowSpace = Code(description: "lowSpace")
        /// A record or transaction beyond its limit. Nothing was done.
        public static let tooLarge = Code(description: "tooLarge")
        /// A restore was asked for a position or time that the backup can't give. Nothing was done.
        public static let positionNotHeld = Code(description: "positionNotHeld")
        public static let closed = Code(description: "closed")
    }

    public var code: Code
    /// A sentence for people: what happened and what to do next.
    public var message: String
    public var path: String?
    public var segment: UInt64?
    public var offset: UInt64?
    public var batch: UInt64?
    /// The row of the recovery table that decided (storage.md §5.10).
    public var row: RecoveryRow?
    public var systemCall: SystemCallError?
    /// Keys that are needed and were not given.
    public var missingKeys: [KeyID] = []

    public init(_ code: Code, _ message: String, path: String? = nil, systemCall: SystemCallError? = nil) {
        self.code = code
        self.message = message
        self.path = path
        self.systemCall = systemCall
    }

    static func closed(_ directory: LogDirectory) -> StorageError {
        StorageError(.closed, "the store is closed", path: directory.root)
    }

    /// Nothing was done and the same call may succeed later.
    public var isRetryable: Bool { code == .overloaded || code == .lowSpace }

    public var description: String {
        var text = "\(code): \(message)"
        if let path { text += " [path \(path)]" }
        if let segment { text += " [segment \(segment)]" }
        if let offset { text += " [offset \(offset)]" }
        if let batch { text += " [batch \(batch)]" }
        if let row { text += " [\(row.rawValue)]" }
        if let systemCall { text += " [\(systemCall)]" }
        return text
    }

    /// The message without what to do next.
    var firstSentence: String { message.firstRange(of: ". ").map { String(message[..<$0.lowerBound]) } ?? message }
}

/// A failed system call, by name and errno.
public struct SystemCallError: Error, Sendable, Hashable, CustomStringConvertible {
    public var call: String
    public var number: Int32
    public var path: String

    public init(call: String, number: Int32, path: String) {
        self.call = call
        self.number = number
        self.path = path
    }

    public var description: String { "\(call) \(path): \(reason)" }

    /// The system's words for the number, or clearer ones.
    public var reason: String {
        switch (call, number) {
        case ("open", ELOOP): "a symbolic link stands there, and a store's file is never reached through one"
        case ("open", ENXIO): "a pipe, a socket or a device stands there, no file"
        default: systemErrorText(number)
        }
    }
}
