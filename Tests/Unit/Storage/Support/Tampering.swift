@testable import Storage

/// What a device can do to a log behind its owner's back (storage.md §6, L2).
enum Tampering: CaseIterable, Sendable {
    /// A bit turned.
    case rot
    /// A batch was reported as written and never was.
    case lostWrite
    /// A batch went to another 4 KiB edge of its segment.
    case misdirectedWithin
    /// A batch went to another segment.
    case misdirectedElsewhere
    /// A segment's header was reported as written and never was.
    case lostHeader

    /// Does it to a random place of the log that recovery needs. False: there is none.
    func apply(to disk: SimulatedDisk, _ generator: inout SeededGenerator) -> Bool {
        let first = disk.checkpointRow?.position.end.segment.rawValue ?? 1
        let headers = disk.segmentHeaders.filter { $0.number.rawValue >= first }
        guard let header = headers.randomElement(using: &generator) else { return false }
        let path = SimulatedStore.path(header.number.rawValue)
        switch self {
        case .rot:
            let bits = (disk.contents(path) ?? []).count * 8
            disk.flip(path, bit: Int.random(in: 0..<bits, using: &generator))
        case .lostHeader:
            Self.wipe(disk, path, 0..<LogLimits.blockBytes)
        case .lostWrite:
            guard let batch = disk.batches(header).randomElement(using: &generator) else { return false }
            Self.wipe(disk, path, batch.range)
        case .misdirectedWithin, .misdirectedElsewhere:
            guard let batch = disk.batches(header).randomElement(using: &generator) else { return false }
            let target = self == .misdirectedWithin ? header : headers.randomElement(using: &generator) ?? header
            return Self.move(batch, to: SimulatedStore.path(target.number.rawValue), disk, &generator)
        }
        return true
    }

    private static func wipe(_ disk: SimulatedDisk, _ path: String, _ range: Range<Int>) {
        disk.change(path) { bytes in
            bytes.replaceSubrange(range, with: [UInt8](repeating: 0, count: range.count))
        }
    }

    private static func move(
        _ batch: SimulatedDisk.Batch,
        to target: String,
        _ disk: SimulatedDisk,
        _ generator: inout SeededGenerator
    ) -> Bool {
        let path = SimulatedStore.path(batch.segment)
        let blocks = (disk.contents(target) ?? []).count / LogLimits.blockBytes
        let place = Int.random(in: 0..<max(1, blocks), using: &generator) * LogLimits.blockBytes
        guard blocks > 0, path != target || place != batch.offset else { return false }
        let content = Array((disk.contents(path) ?? [])[batch.range])
        wipe(disk, path, batch.range)
        disk.change(target) { bytes in
            let end = min(bytes.count, place + content.count)
            bytes.replaceSubrange(place..<end, with: content.prefix(end - place))
        }
        return true
    }

    /// How recovery may answer.
    static let refusals: Set<RecoveryRow> = [.r7, .r8, .r9, .r10, .r12, .r13, .r14, .r15]
}

extension SimulatedDisk.Batch {
    var range: Range<Int> { offset..<(offset + header.paddedBytes) }
}
