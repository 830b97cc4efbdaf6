/// What can be read from a damaged file: the JSON object at its start, or the entries before the damage. Never taken
/// silently: whoever imports it says so, with the evidence.
public struct UpstreamSalvage: Sendable {
    public enum Extent: Sendable {
        /// A complete object stands at the file's start.
        case wholeObject
        /// The object breaks off or is damaged further on: these entries stand before that.
        case leadingEntries
    }

    /// What stands behind the part that is read, and what that says.
    public enum Remainder: Sendable, Hashable {
        /// Nothing but white space and zeros: the root was cut off, as by someone who took it for garbage.
        case blank
        /// The object's own root, at this offset: it is a complete image, and what follows is the rest of an older and
        /// longer one, or was added. The best evidence that there is.
        case ownRoot(at: Int)
        /// Anything else: nothing confirms that the object is the last image.
        case other
    }

    public let index: UpstreamIndex
    public let extent: Extent
    public let remainder: Remainder
    /// How many of the file's bytes were read as entries.
    public let readBytes: Int

    /// Nil when no entry can be read from the file's start.
    init?(name: String, file: [UInt8]) {
        guard file.count <= UpstreamArchive.maximumFileBytes else { return nil }
        let scan = UpstreamScan(file, file.indices)
        guard scan.isWholeObject || !scan.members.isEmpty else { return nil }
        readBytes = Self.end(of: scan, in: file)
        extent = scan.isWholeObject ? .wholeObject : .leadingEntries
        remainder = scan.isWholeObject ? Self.remainder(behind: readBytes, in: file) : .other
        index = UpstreamIndex(name: name, bytes: file, scan: scan)
    }

    /// Behind the object's brace, or behind the last entry.
    private static func end(of scan: UpstreamScan, in file: [UInt8]) -> Int {
        guard scan.isWholeObject else { return scan.members.map(\.value.upperBound).max() ?? 0 }
        let behind = scan.error?.offset ?? file.count
        return file[..<behind].lastIndex { !$0.isBlank }.map { $0 + 1 } ?? 0
    }

    private static func remainder(behind end: Int, in file: [UInt8]) -> Remainder {
        if file[end...].allSatisfy({ $0 == 0 || $0.isBlank }) { return .blank }
        let position = UpstreamArchive.padded(end)
        if let root = UpstreamArchive.root(in: file, at: position), root == (0, end), end > UpstreamArchive.inlineBytes,
            file[end..<position].allSatisfy({ $0 == 0 })
        {
            return .ownRoot(at: position)
        }
        if end <= UpstreamArchive.inlineBytes, file.count >= UpstreamArchive.inlineBytes,
            file[end..<UpstreamArchive.inlineBytes].allSatisfy({ $0 == 0xFF })
        {
            return .ownRoot(at: 0)
        }
        return .other
    }
}

extension UpstreamSalvage: CustomStringConvertible {
    public var description: String {
        switch extent {
        case .leadingEntries:
            "the first \(index.count) entries can be read, up to byte \(readBytes); what follows is lost"
        case .wholeObject:
            "a complete object of \(index.count) entries can be read from the first \(readBytes) bytes; \(remainder)"
        }
    }
}

extension UpstreamSalvage.Remainder: CustomStringConvertible {
    public var description: String {
        switch self {
        case .blank: "its root is missing and nothing follows, as when the file's last 8 to 11 bytes were cut off"
        case .ownRoot(let offset):
            "its own root stands at byte \(offset), so it is a complete image; what follows isn't part of it"
        case .other: "other bytes follow, and nothing confirms that this is the latest content"
        }
    }
}
