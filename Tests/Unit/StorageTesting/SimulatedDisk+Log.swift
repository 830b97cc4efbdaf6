@testable import Storage

/// The log as it stands on a simulated disk.
extension SimulatedDisk {
    /// Numbers of the segments, in order.
    var segments: [UInt64] {
        paths.compactMap { path in
            LogDirectory.segmentNumber(ofName: String(path[path.index(after: path.lastIndex(of: "/")!)...]))?.rawValue
        }.sorted()
    }

    /// The sound ones.
    var segmentHeaders: [SegmentHeader] {
        segments.compactMap { number in
            let block = (contents(SimulatedStore.path(number)) ?? []).prefix(LogLimits.blockBytes)
            guard case .valid(let header) = Bytes(block).withUnsafeBytes({ SegmentHeader.read($0) }) else { return nil }
            return header
        }
    }

    /// A batch that stands in a segment, of its present use or an earlier one.
    struct Batch {
        var segment: UInt64
        var offset: Int
        var header: BatchHeader
    }

    /// All sound batches of a segment's present use, in order.
    func batches(_ segment: SegmentHeader) -> [Batch] {
        let bytes = contents(SimulatedStore.path(segment.number.rawValue)) ?? []
        return stride(from: LogLimits.blockBytes, to: bytes.count, by: LogLimits.blockBytes).compactMap { offset in
            let reading = bytes.withUnsafeBytes {
                BatchHeader.read(
                    $0.part(offset, min(LogLimits.blockBytes, $0.count - offset)),
                    at: .init(segment: segment.number, offset: UInt64(offset))
                )
            }
            guard case .valid(let header, _) = reading, header.epoch == segment.epoch else { return nil }
            return Batch(segment: segment.number.rawValue, offset: offset, header: header)
        }
    }

    /// The snapshot's own word on what it holds.
    var checkpointRow: CheckpointRow? {
        guard let bytes = contents("\(SimulatedStore.root)/snapshot/data.mdb"), bytes.count > 4 else { return nil }
        let reading = bytes.withUnsafeBytes { CheckpointRow.read($0.part(4, Int($0.loadLittle(UInt32.self, at: 0)))) }
        guard case .valid(let row) = reading else { return nil }
        return row
    }
}
