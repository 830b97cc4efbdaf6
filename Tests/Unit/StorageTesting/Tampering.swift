@testable import Storage

/// What a device, or somebody, can do to a store behind its owner's back (storage.md §6, L2).
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
    /// A page of the log, of HEAD or of FORMAT was reported as synced and holds what it held before.
    case lostPage
    /// The same with the page that a snapshot's commit ends with: the snapshot is the one before.
    case lostCommit
    /// The same with a page of rows: one row is what it was, or wasn't, before the last checkpoint.
    case staleRow
    /// A file is gone.
    case missingFile

    /// How recovery may refuse it. Otherwise it must be harmless: everything is there, as it was.
    var refusals: Set<RecoveryRow> {
        switch self {
        case .rot, .lostWrite, .misdirectedWithin, .misdirectedElsewhere, .lostHeader:
            [.r7, .r8, .r9, .r10, .r12, .r13, .r14, .r15]
        case .lostPage: [.r7, .r8, .r9, .r10, .r13]
        // The log that the older snapshot needs may be gone, or half way to it, and then that is what is noticed.
        case .lostCommit: [.r7, .r10, .r11]
        // Not noticed by opening: by reading it, if at all, and by the scrub for certain (docs/durability.md).
        case .staleRow: []
        case .missingFile: [.r2, .r10, .r11, .r17]
        }
    }

    /// Does it to a random place of what recovery needs. False: there is none.
    func apply(to disk: SimulatedDisk, _ generator: inout SeededGenerator) -> Bool {
        switch self {
        case .lostPage: return Self.losePage(disk, &generator)
        case .lostCommit: return Self.loseCommit(disk)
        case .staleRow: return Self.keepOldRow(disk, &generator)
        case .missingFile:
            guard let path = disk.paths.randomElement(using: &generator) else { return false }
            disk.remove(path)
            return true
        default: return tamperWithLog(disk, &generator)
        }
    }

    private func tamperWithLog(_ disk: SimulatedDisk, _ generator: inout SeededGenerator) -> Bool {
        let headers = Self.neededSegments(disk)
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
        default:
            guard let batch = disk.batches(header).randomElement(using: &generator) else { return false }
            let target = self == .misdirectedWithin ? header : headers.randomElement(using: &generator) ?? header
            return Self.move(batch, to: SimulatedStore.path(target.number.rawValue), disk, &generator)
        }
        return true
    }

    private static func neededSegments(_ disk: SimulatedDisk) -> [SegmentHeader] {
        let first = disk.checkpointRow?.position.end.segment.rawValue ?? 1
        return disk.segmentHeaders.filter { $0.number.rawValue >= first }
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

    private static func losePage(_ disk: SimulatedDisk, _ generator: inout SeededGenerator) -> Bool {
        let directory = LogDirectory(root: SimulatedStore.root)
        let log = neededSegments(disk).map { directory.segment($0.number) }
        let paths = log + log + [directory.head, directory.format]
        guard let path = paths.randomElement(using: &generator), let content = disk.contents(path) else { return false }
        let pages = disk.olderPages(path).filter { $0.key < content.count }.sorted { $0.key < $1.key }
        guard let (start, page) = pages.randomElement(using: &generator) else { return false }
        let end = min(content.count, start + page.count)
        guard !content[start..<end].elementsEqual(page.prefix(end - start)) else { return false }
        disk.change(path) { $0.replaceSubrange(start..<end, with: page.prefix(end - start)) }
        return true
    }

    private static var snapshot: String { LogDirectory(root: SimulatedStore.root).snapshotData }

    private static func loseCommit(_ disk: SimulatedDisk) -> Bool {
        guard let older = disk.olderPages(snapshot)[0], older != disk.contents(snapshot) else { return false }
        disk.overwrite(snapshot, older)
        return true
    }

    private static func keepOldRow(_ disk: SimulatedDisk, _ generator: inout SeededGenerator) -> Bool {
        guard let older = disk.olderPages(snapshot)[0], let content = disk.contents(snapshot),
            case .success(let before) = SimulatedImage.read(older),
            case .success(var image) = SimulatedImage.read(content), image.row != nil
        else { return false }
        let keys = Set(before.rows.keys).union(image.rows.keys).filter { before.rows[$0] != image.rows[$0] }
        guard let key = keys.sorted(by: { compareKeys($0, $1) < 0 }).randomElement(using: &generator) else {
            return false
        }
        image.tamper(key, before.rows[key])
        disk.overwrite(snapshot, image.encodedAsRead)
        return true
    }
}

extension SimulatedDisk.Batch {
    var range: Range<Int> { offset..<(offset + header.paddedBytes) }
}
