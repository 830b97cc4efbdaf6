/// Whether a snapshot rests on the log beside it (R10): what headers and HEAD say.
struct LogLineage {
    enum Standing: Equatable {
        case rests
        /// What the snapshot ends with isn't in the log; nothing says that the two don't belong together.
        case unaccounted(String)
        /// The two were never one store: of other ids, or of copies that each went on by itself.
        case foreign(String)
    }

    let directory: LogDirectory
    /// FORMAT's, or that of the log; nil: neither tells.
    private(set) var store: StoreID?
    private(set) var head: LogHead?
    /// Nothing says which segment is the newest.
    private(set) var isHeadDamaged = false
    private(set) var numbers: [SegmentNumber] = []
    /// Segments of this store whose headers are sound, in order.
    private(set) var segments: [ContentTrust.Segment] = []
    private let io = PosixIO()

    init(_ directory: LogDirectory, _ keys: EncryptionKeys) {
        self.directory = directory
        store = (try? FormatFile(io: io, directory: directory).read())?.store
        // Before the list: a running engine may begin a segment at any time.
        let found = try? LogHeadFile(io: io, directory: directory).content()
        isHeadDamaged = found?.isDamaged ?? false
        numbers = ((try? io.list(directory.wal)) ?? []).compactMap(LogDirectory.segmentNumber(ofName:)).sorted()
        for number in numbers {
            let path = directory.segment(number)
            guard var window = try? SegmentWindow(io: io, path: path),
                let block = try? window.bytes(at: 0, LogLimits.blockBytes),
                case .valid(let header) = SegmentHeader.read(block), header.number == number,
                (try? keys.requireGenuine(header, block, path: path)) != nil,
                store == nil || header.store == store
            else { continue }
            store = header.store
            segments.append(.init(header: header, path: path))
        }
        if let head = found?.head, store == nil || head.store == store { self.head = head }
    }

    /// Nothing of what was written first is gone.
    var beginsWithTheFirst: Bool { segments.first?.header.number == .first }

    /// A segment that was begun and isn't there, or no log at all; nil: the newest one is there.
    var missingEnd: String? {
        let newest = numbers.last ?? .none
        if let head, head.segment > newest {
            let missing = StorageError.newestSegmentMissing(head, newest: newest, directory)
            return "\(missing.firstSentence). What was written to it is lost"
        }
        return numbers.isEmpty ? "there is no log: whatever was written behind the snapshot is lost" : nil
    }

    func standing(of row: CheckpointRow) -> Standing {
        if let store, row.store != store {
            return .foreign("the snapshot is of store \(row.store.text), the log or FORMAT of store \(store.text)")
        }
        let end = row.position.end
        let reach = "the snapshot reaches batch \(end.lastBatch) (LSN \(row.position.lsn)) in segment \(end.segment)"
        let own = segments.first { $0.header.number == end.segment }?.header
        if let own, end.offset > LogLimits.firstBatchOffset {
            guard own.epoch == end.epoch else { return .foreign("\(reach), which is another file here") }
            switch try? end.batchStands(in: directory) {
            case true?: return .rests
            case false?: return .foreign("\(reach), where another batch stands")
            case nil: break
            }
        } else if let own, isBegun(own, at: end) {
            return .rests
        } else if let next = segments.first(where: { $0.header.number == end.segment.next })?.header,
            next.predecessor == end.predecessorFacts
        {
            return .rests
        }
        if let contradiction = contradiction(to: end) { return .foreign("\(reach); \(contradiction)") }
        return .unaccounted("\(reach), and the log has no such batch: it lost what had been durable")
    }

    /// The checkpoint was taken before anything stood in the segment.
    private func isBegun(_ header: SegmentHeader, at end: LogEnd) -> Bool {
        header.predecessor.lastBatch == end.lastBatch && header.predecessor.lastBatchCRC == end.chain
            && header.firstLSN == end.nextLSN
    }

    /// A segment that can't stand where it stands, if this log had ever held what the snapshot holds.
    private func contradiction(to end: LogEnd) -> String? {
        for segment in segments.map(\.header) {
            let begin = "segment \(segment.number) begins with batch \(segment.firstBatch) (LSN \(segment.firstLSN))"
            if segment.number > end.segment {
                if segment.firstBatch <= end.lastBatch || segment.firstLSN <= end.lastLSN { return begin }
            } else if segment.firstBatch > end.lastBatch.next || segment.firstLSN > end.nextLSN {
                return begin
            }
        }
        guard let head, head.segment < end.segment, numbers.last ?? .none < end.segment else { return nil }
        return "HEAD says that the log never got beyond segment \(head.segment)"
    }
}
