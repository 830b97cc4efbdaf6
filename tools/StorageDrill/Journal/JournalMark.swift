import CRecorder
import Glibc

/// Marks from outside of the recorded process: a client that got its answer says so in the engine's journal.
///
/// Exact too: the answer came after the sync's last entry, and the mark stands after both. Appends are atomic towards the
/// recorder's, which are single calls as well.
public struct JournalMark: ~Copyable, Sendable {
    private let file: OpenFile

    /// The journal must exist: the recorder creates it at its first call below the root.
    public init(journal: String) throws(DrillError) {
        file = try OpenFile(journal, O_WRONLY | O_APPEND)
    }

    public func append(_ value: UInt64) throws(DrillError) {
        var header = iii_record_header()
        header.magic = UInt32(iii_record_magic)
        header.kind = JournalEntry.Kind.mark.rawValue
        header.value = value
        let count = withUnsafeBytes(of: &header) { Glibc.write(file.descriptor, $0.baseAddress, $0.count) }
        guard count == JournalEntry.headerBytes else { throw .failed("write", "journal") }
    }
}
