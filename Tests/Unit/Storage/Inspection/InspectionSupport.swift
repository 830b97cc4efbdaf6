@testable import Storage
@testable import StorageTesting

/// A log under inspection on a simulated disk.
struct Inspected {
    var events: [LogEvent] = []
    var report: LogReport

    init(_ disk: SimulatedDisk, start: LogStart = .beginning, isInUse: @escaping () -> Bool = { false }) throws {
        var events: [LogEvent] = []
        report = try Self.walk(disk, start: start, isInUse: isInUse).run { event, _ in events.append(event) }
        self.events = events
    }

    static func walk(
        _ disk: SimulatedDisk,
        start: LogStart = .beginning,
        isInUse: @escaping () -> Bool = { false }
    ) -> LogWalk<SimulatedDisk> {
        LogWalk(
            io: disk,
            directory: LogDirectory(root: SimulatedStore.root),
            start: start,
            keys: EncryptionKeys(),
            isInUse: isInUse
        )
    }

    var batches: [BatchFacts] {
        events.compactMap { if case .batch(let batch) = $0 { batch } else { nil } }
    }

    var segments: [SegmentFacts] {
        events.compactMap { if case .segmentEnd(let segment) = $0 { segment } else { nil } }
    }

    /// `batch: first LSN..last LSN` of every gap.
    var lost: [String] {
        report.gaps.map { gap in
            let batches = "\(gap.firstBatch.map(String.init) ?? "?")-\(gap.lastBatch.map(String.init) ?? "?")"
            return "\(batches): \(gap.firstLSN?.description ?? "?")-\(gap.lastLSN?.description ?? "?")"
        }
    }

    static func records(_ disk: SimulatedDisk, _ filter: RecordFilter = RecordFilter()) throws -> [RecordFacts] {
        var records: [RecordFacts] = []
        _ = try walk(disk).records(filter) { event in
            if case .record(let record) = event { records.append(record) }
        }
        return records
    }
}

/// Small logs to damage.
enum SampleLog {
    /// Three segments with five batches of one record, then a clean shutdown or a SIGKILL.
    static func rotated(isClosed: Bool) throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        let store = try SimulatedStore(disk)
        for number in 0..<5 { try store.putDurably("\(number)", "value \(number)") }
        if isClosed { try store.closeWithoutCheckpoint() }
        return disk.copy()
    }

    /// One segment with a batch for each key, then a SIGKILL.
    static func single(_ keys: [String]) throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        var options = SimulatedStore.options(direct: true)
        options.initialSegmentBytes = 8 * LogLimits.blockBytes
        let store = try SimulatedStore(disk, options: options)
        for key in keys { try store.putDurably(key, "value of \(key)") }
        return disk.copy()
    }

    static func zero(_ disk: SimulatedDisk, segment: UInt64 = 1, block number: Int) {
        let block = LogLimits.blockBytes
        disk.change(SimulatedStore.path(segment)) { bytes in
            bytes.replaceSubrange((number * block)..<((number + 1) * block), with: [UInt8](repeating: 0, count: block))
        }
    }

    /// Changes a header of segment 1 and makes it sound again.
    static func rewrite(_ disk: SimulatedDisk, block number: Int, _ change: (inout BatchHeader) -> Void) throws {
        let offset = number * LogLimits.blockBytes
        let position = BatchHeader.Position(segment: .first, offset: UInt64(offset))
        let bytes = disk.contents(SimulatedStore.path(1)) ?? []
        let reading = bytes.withUnsafeBytes { BatchHeader.read($0.part(offset, LogLimits.blockBytes), at: position) }
        guard case .valid(var header, _) = reading else { throw StorageError(.damaged, "\(reading)") }
        change(&header)
        disk.change(SimulatedStore.path(1)) { bytes in
            bytes.withUnsafeMutableBytes { _ = header.encode(into: $0.baseAddress! + offset, at: position) }
        }
    }
}
