/// A sliding window over one segment file: sequential aligned reads of a mebibyte, bounded memory unless a single batch
/// is larger.
struct SegmentWindow<IO: StorageIO>: ~Copyable {
    private let io: IO
    private let file: IO.File
    /// Bytes in the file.
    let size: UInt64
    private var place: AlignedBytes
    private var start: UInt64 = 0
    private var filled = 0

    init(io: IO, path: String) throws(StorageError) {
        let (file, size) = try Self.open(path, io)
        self.io = io
        self.file = file
        self.size = size
        let bytes = Int(min(size, UInt64(LogLimits.mebibyte)))
        place = AlignedBytes(count: LogLimits.roundedToBlock(max(1, bytes)))
    }

    deinit {
        io.close(file)
    }

    private static func open(_ path: String, _ io: IO) throws(StorageError) -> (IO.File, UInt64) {
        do throws(SystemCallError) {
            let file = try io.open(path, .readDevice)
            do throws(SystemCallError) {
                return (file, try io.size(file))
            } catch {
                io.close(file)
                throw error
            }
        } catch {
            throw .deviceFailed(error)
        }
    }

    /// The bytes from a block edge on, fewer than asked for only at the file's end. Valid until the next call.
    mutating func bytes(at offset: UInt64, _ count: Int) throws(StorageError) -> UnsafeRawBufferPointer {
        precondition(offset % UInt64(LogLimits.blockBytes) == 0, "reads start on a block edge")
        precondition(count <= LogLimits.maximumBatchBytes, "a read beyond the largest batch")
        guard offset < size else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        let wanted = Int(min(UInt64(count), size - offset))
        if offset < start || offset + UInt64(wanted) > start + UInt64(filled) {
            if wanted > place.count { place = AlignedBytes(count: LogLimits.roundedToBlock(wanted)) }
            start = offset
            filled = 0
            do {
                filled = try io.readAll(file, into: place.mutable, at: offset)
            } catch {
                throw .deviceFailed(error)
            }
            guard filled >= wanted else {
                throw .deviceFailed(SystemCallError(call: "pread", number: 5, path: "(file became shorter while read)"))
            }
        }
        return place.readOnly.part(Int(offset - start), wanted)
    }
}
