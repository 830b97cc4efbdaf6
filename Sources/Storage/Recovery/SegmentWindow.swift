/// A sliding window over one segment file: aligned reads of a mebibyte, bounded memory unless a single batch is larger.
struct SegmentWindow<IO: StorageIO>: ~Copyable {
    /// Bytes in the file.
    let size: UInt64
    private let opened: Opened
    private let pieceBytes: Int
    private let readsAhead: Bool
    private var place: AlignedBytes
    /// Where in `place` the window begins.
    private var base = 0
    private var start: UInt64 = 0
    private var filled = 0

    /// The file, which is closed with it, and the thread that reads ahead; nil: nobody does.
    private final class Opened {
        let io: IO
        let file: IO.File
        var ahead: ReadAhead<IO>?

        init(_ path: String, _ io: IO) throws(SystemCallError) {
            self.io = io
            file = try io.open(path, .readDevice)
        }

        deinit {
            ahead?.stop()
            io.close(file)
        }
    }

    /// `pieceBytes`: read at once. `readsAhead`: the file will be read from one end to the other.
    init(
        io: IO,
        path: String,
        pieceBytes: Int = LogLimits.mebibyte,
        readsAhead: Bool = false
    ) throws(StorageError) {
        (opened, size) = try Self.open(path, io)
        self.pieceBytes = pieceBytes
        self.readsAhead = readsAhead && io.canReadAhead
        place = AlignedBytes(uninitialized: LogLimits.roundedToBlock(max(1, Int(min(size, UInt64(pieceBytes))))))
    }

    private static func open(_ path: String, _ io: IO) throws(StorageError) -> (Opened, UInt64) {
        do throws(SystemCallError) {
            let opened = try Opened(path, io)
            return (opened, try io.size(opened.file))
        } catch {
            throw .deviceFailed(error)
        }
    }

    private var end: UInt64 { start + UInt64(filled) }

    /// The bytes from a block edge on, fewer than asked for only at the file's end. Valid until the next call.
    mutating func bytes(at offset: UInt64, _ count: Int) throws(StorageError) -> UnsafeRawBufferPointer {
        precondition(offset % UInt64(LogLimits.blockBytes) == 0, "reads start on a block edge")
        precondition(count <= LogLimits.maximumBatchBytes, "a read beyond the largest batch")
        guard offset < size else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        let wanted = Int(min(UInt64(count), size - offset))
        if offset < start || offset + UInt64(wanted) > end {
            do {
                if try !slide(to: offset, wanted) { try jump(to: offset, wanted) }
            } catch {
                throw .deviceFailed(error)
            }
            guard filled >= wanted else {
                throw .deviceFailed(SystemCallError(call: "pread", number: 5, path: "(file became shorter while read)"))
            }
        }
        return place.readOnly.part(base + Int(offset - start), wanted)
    }

    /// Goes on with the piece that was read meanwhile; false: it isn't the one, or not enough.
    private mutating func slide(to offset: UInt64, _ wanted: Int) throws(SystemCallError) -> Bool {
        guard let ahead = opened.ahead, ahead.offset == end, offset >= start, offset <= end else { return false }
        let rest = Int(end - offset)
        guard rest <= ahead.headRoom, wanted <= rest + pieceBytes else { return false }
        let count = try ahead.take(&place, keeping: base + Int(offset - start), rest)
        base = ahead.headRoom - rest
        start = offset
        filled = rest + count
        if end < size { ahead.request(end) }
        return true
    }

    private mutating func jump(to offset: UInt64, _ wanted: Int) throws(SystemCallError) {
        opened.ahead?.drop()
        if wanted > place.count { place = AlignedBytes(uninitialized: LogLimits.roundedToBlock(wanted)) }
        base = 0
        start = offset
        filled = 0
        let bytes = min(place.count, max(pieceBytes, LogLimits.roundedToBlock(wanted)))
        let target = UnsafeMutableRawBufferPointer(rebasing: place.mutable[..<bytes])
        filled = try opened.io.readAll(opened.file, into: target, at: offset)
        guard readsAhead, end < size else { return }
        // Without it everything works as well.
        if opened.ahead == nil {
            opened.ahead = try? ReadAhead(
                io: opened.io,
                file: opened.file,
                headRoom: pieceBytes,
                pieceBytes: pieceBytes
            )
        }
        opened.ahead?.request(end)
    }
}
