import Glibc

/// What a recorder wrote, mapped into memory. A last entry that was cut short is left out.
///
/// `@unchecked Sendable`: the mapping is read-only and lives as long as the object.
public final class Journal: @unchecked Sendable {
    public let entries: [JournalEntry]
    /// Bytes of the file that are whole entries.
    public let validBytes: Int
    /// The recording ended before the process did, and why.
    public let stopped: String?
    /// Index of the other entry of a two-part call: begin to end and end to begin; nil: the call never returned.
    public let counterparts: [Int?]

    private let bytes: UnsafeRawBufferPointer

    /// Reads the file to its end, or to the first thing that is no entry.
    public init(path: String) throws(DrillError) {
        bytes = try Self.map(path)
        var entries: [JournalEntry] = []
        var offset = 0
        var end = 0
        var stopped: String?
        while stopped == nil, let entry = JournalEntry(bytes, at: offset, end: &end) {
            entries.append(entry)
            offset = end
            if entry.kind == .stopped { stopped = entry.path }
        }
        guard entries.isEmpty || entries[0].kind == .begin else {
            throw DrillError("not a journal: it must start with a process", path: path)
        }
        self.entries = entries
        self.stopped = stopped
        validBytes = offset
        counterparts = Self.pairs(entries)
    }

    deinit {
        if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
    }

    /// The bytes at a range of the file.
    func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[range])
    }

    /// Cuts a broken last entry off, so that another process can go on with the file.
    public static func trim(path: String) throws(DrillError) {
        let journal = try Journal(path: path)
        guard journal.validBytes < journal.bytes.count else { return }
        try OpenFile(path, O_WRONLY).truncate(to: UInt64(journal.validBytes))
    }

    private static func map(_ path: String) throws(DrillError) -> UnsafeRawBufferPointer {
        let file = try OpenFile(path, O_RDONLY)
        let count = Int(file.size)
        guard count > 0 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        guard let start = mmap(nil, count, PROT_READ, MAP_PRIVATE, file.descriptor, 0), start != MAP_FAILED else {
            throw .failed("mmap", path)
        }
        return UnsafeRawBufferPointer(start: start, count: count)
    }

    /// Sequences count anew in each process.
    private static func pairs(_ entries: [JournalEntry]) -> [Int?] {
        var pairs = [Int?](repeating: nil, count: entries.count)
        var open: [UInt64: Int] = [:]
        for (index, entry) in entries.enumerated() {
            switch entry.kind {
            case .begin: open = [:]
            case .syncBegin: open[entry.sequence] = index
            case .write where entry.flags.contains(.inProgress): open[entry.sequence] = index
            case .writeEnd, .syncEnd:
                guard let begin = open.removeValue(forKey: entry.value) else { continue }
                pairs[index] = begin
                pairs[begin] = index
            default: break
            }
        }
        return pairs
    }
}
