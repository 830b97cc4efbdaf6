import Glibc

@testable import Storage

/// A file or a directory of a simulated disk.
struct SimulatedNode {
    enum Change {
        case write(UInt64, [UInt8])
        case truncate(UInt64)
        /// The whole content, by an atomic commit.
        case replace([UInt8])
    }

    private static let zeros = [UInt8](repeating: 0, count: LogLimits.blockBytes)
    static let directory = SimulatedNode(isDirectory: true)

    var isDirectory = false
    /// What a crash can't take away.
    var durable: [UInt8] = []
    /// What the page cache shows.
    var live: [UInt8] = []
    /// Dirty pages, in order.
    var changes: [Change] = []
    /// A sync failed: pages are clean that the device doesn't have.
    var hasLostPages = false
    /// What pages held before their last change, by their offset; for an atomically replaced file its whole content, at 0.
    var older: [Int: [UInt8]] = [:]

    /// What a read past the page cache finds: it writes dirty pages back first, and only those.
    var onDevice: [UInt8] {
        guard hasLostPages else { return live }
        var content = durable
        for change in changes { Self.apply(change, &content) }
        Self.grow(&content, live.count)
        return content
    }

    /// Into the page cache. Whole pages are written back, so a page that had been lost goes along with what is new in it.
    mutating func write(_ change: Change) {
        Self.apply(change, &live)
        if hasLostPages, case .write(let offset, let bytes) = change {
            let start = Int(offset) / LogLimits.blockBytes * LogLimits.blockBytes
            let end = min(live.count, LogLimits.roundedToBlock(Int(offset) + bytes.count))
            changes.append(.write(UInt64(start), Array(live[start..<end])))
        } else {
            changes.append(change)
        }
    }

    mutating func writeDurably(_ change: Change) {
        Self.apply(change, &live)
        Self.apply(change, &durable)
    }

    mutating func sync() {
        if hasLostPages {
            for change in changes { Self.apply(change, &durable) }
            Self.grow(&durable, live.count)
        } else {
            durable = live
        }
        changes = []
    }

    mutating func failToSync(_ generator: inout SeededGenerator) {
        guard !changes.isEmpty else { return }
        for change in changes { Self.settle(change, &durable, &generator) }
        changes = []
        hasLostPages = true
    }

    /// A direct write failed: any of its sectors may be on the device.
    mutating func failToWriteDurably(_ change: Change, _ generator: inout SeededGenerator) {
        Self.settle(change, &durable, &generator)
        live = durable
    }

    func afterCrash(_ loss: SimulatedDisk.Loss, _ generator: inout SeededGenerator) -> SimulatedNode {
        if isDirectory { return .directory }
        var content = durable
        switch loss {
        case .keepAll: content = onDevice
        case .dropAll: break
        case .random:
            for change in changes { Self.settle(change, &content, &generator) }
        }
        return SimulatedNode(durable: content, live: content, older: older)
    }

    private static func settle(_ change: Change, _ content: inout [UInt8], _ generator: inout SeededGenerator) {
        switch change {
        case .truncate, .replace:
            if Bool.random(using: &generator) { apply(change, &content) }
        case .write(let offset, let bytes):
            // Often one fate for all: that finds reordered writes; else each sector for itself: that finds torn ones.
            let common = Int.random(in: 0..<6, using: &generator)
            for start in stride(from: 0, to: bytes.count, by: 512) {
                let sector = Array(bytes[start..<min(start + 512, bytes.count)])
                let fate = common < 3 ? common : Int.random(in: 0..<3, using: &generator)
                switch fate {
                case 0: apply(.write(offset + UInt64(start), sector), &content)
                case 1: break
                default:
                    apply(.write(offset + UInt64(start), generator.bytes(sector.count)), &content)
                }
            }
        }
    }

    static func apply(_ change: Change, _ content: inout [UInt8]) {
        switch change {
        case .truncate(let size):
            if Int(size) <= content.count { content.removeSubrange(Int(size)...) } else { grow(&content, Int(size)) }
        case .replace(let bytes):
            content = bytes
        case .write(let offset, let bytes):
            grow(&content, Int(offset) + bytes.count)
            content.withUnsafeMutableBytes { place in
                bytes.withUnsafeBytes { source in
                    guard let from = source.baseAddress else { return }
                    _ = memcpy(place.baseAddress! + Int(offset), from, source.count)
                }
            }
        }
    }

    static func grow(_ content: inout [UInt8], _ size: Int) {
        if content.count < size { content.append(contentsOf: [UInt8](repeating: 0, count: size - content.count)) }
    }

    /// Whether the bytes, from the offset on, say something new within the range.
    private func changes(_ bytes: [UInt8], _ offset: Int, in range: Range<Int>) -> Bool {
        guard range.upperBound <= live.count else {
            return bytes.withUnsafeBytes { bytes in
                Self.zeros.withUnsafeBytes { zeros in
                    memcmp(zeros.baseAddress!, bytes.baseAddress! + range.lowerBound - offset, range.count) != 0
                }
            }
        }
        return live.withUnsafeBytes { live in
            bytes.withUnsafeBytes { bytes in
                memcmp(live.baseAddress! + range.lowerBound, bytes.baseAddress! + range.lowerBound - offset, range.count) != 0
            }
        }
    }

    /// Before a change. A page that was never written held zeros.
    mutating func remember(_ change: Change) {
        switch change {
        case .truncate: break
        case .replace: older[0] = live
        case .write(let offset, let bytes):
            let first = Int(offset) / LogLimits.blockBytes
            for page in first...(Int(offset) + max(1, bytes.count) - 1) / LogLimits.blockBytes {
                let start = page * LogLimits.blockBytes
                let end = min(start + LogLimits.blockBytes, Int(offset) + bytes.count)
                let from = max(start, Int(offset))
                guard from < end, changes(bytes, Int(offset), in: from..<end) else { continue }
                var before = Array(live[min(start, live.count)..<min(start + LogLimits.blockBytes, live.count)])
                Self.grow(&before, end - start)
                older[start] = before
            }
        }
    }
}
