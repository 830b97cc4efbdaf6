/// What is wrong with the bytes of one `.bin` file, and where.
public struct UpstreamArchiveError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Open: more kinds may come.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        public let description: String

        /// Fewer bytes than a root. An empty file is the usual trace of a power loss: upstream doesn't sync.
        public static let tooShort = Code(description: "tooShort")
        /// More bytes than the format can describe.
        public static let tooLarge = Code(description: "tooLarge")
        /// Nothing but zeros: the name reached the disk, the content didn't.
        public static let onlyZeros = Code(description: "onlyZeros")
        /// The last 8 bytes aren't the root of a file of this length: its end was cut off, or something was appended.
        public static let noRoot = Code(description: "noRoot")
        /// An inline text with something other than `0xFF` behind it.
        public static let badFill = Code(description: "badFill")
        /// The root names a text that is short enough to stand in the root itself.
        public static let lengthTooSmall = Code(description: "lengthTooSmall")
        /// The root points in front of the file, or at or behind itself.
        public static let offsetOutsideFile = Code(description: "offsetOutsideFile")
        /// The text that the root names would reach into the root.
        public static let lengthBeyondFile = Code(description: "lengthBeyondFile")
        /// The root points into the middle of the file: something stands before its text.
        public static let textNotAtStart = Code(description: "textNotAtStart")
        /// Bytes between the text and its root that belong to neither.
        public static let unaccountedBytes = Code(description: "unaccountedBytes")
        /// The padding between text and root isn't zero.
        public static let badPadding = Code(description: "badPadding")
        public static let notUTF8 = Code(description: "notUTF8")
        /// The text isn't valid JSON. `offset` is where it stops being so.
        public static let notJSON = Code(description: "notJSON")
        /// Valid JSON, but not an object.
        public static let notAnObject = Code(description: "notAnObject")
        /// More containers inside each other than the engine, or upstream itself, reads.
        public static let tooDeep = Code(description: "tooDeep")
        /// A complete object ends before the text that the root names: an older file's root, or bytes were added.
        public static let trailingBytes = Code(description: "trailingBytes")
    }

    public var code: Code
    /// Distance in bytes from the start of the file to the first byte that is wrong or missing.
    public var offset: Int
    /// A sentence for people.
    public var message: String

    init(_ code: Code, at offset: Int, _ message: String) {
        self.code = code
        self.offset = offset
        self.message = message
    }

    public var description: String { "\(code) at byte \(offset): \(message)" }
}
