/// Copies files with a checksum of what was written, synced, in bounded memory.
struct FileCopy<IO: StorageIO> {
    let io: IO
    /// Looked at between two blocks.
    var isCancelled: @Sendable () -> Bool = { false }

    /// Copies the first `bytes` bytes; the copy has `paddedTo` bytes, the rest zeros.
    func copy(_ source: String, to target: String, bytes: UInt64, paddedTo size: UInt64) throws(SystemCallError)
        -> UInt32
    {
        let input = try io.open(source, .readDevice)
        defer { io.close(input) }
        let output = try io.open(target, .create)
        defer { io.close(output) }
        let place = AlignedBytes(count: LogLimits.mebibyte)
        var offset: UInt64 = 0
        while offset < bytes {
            guard !isCancelled() else { throw .cancelled(target) }
            let wanted = Int(min(UInt64(place.count), bytes - offset))
            let block = UnsafeMutableRawBufferPointer(rebasing: place.mutable[..<LogLimits.roundedToBlock(wanted)])
            guard try io.readAll(input, into: block, at: offset) >= wanted else {
                throw SystemCallError(call: "pread", number: 5, path: "\(source) (shorter than expected)")
            }
            try io.writeAll(output, place.readOnly.part(0, wanted), at: offset)
            offset += UInt64(wanted)
        }
        try io.truncate(output, to: size)
        try io.fdatasync(output)
        extendLifetime(place)
        return try checksum(target).checksum
    }

    /// Read past the page cache: what the device holds.
    func checksum(_ path: String) throws(SystemCallError) -> (checksum: UInt32, bytes: UInt64) {
        let file = try io.open(path, .readDevice)
        defer { io.close(file) }
        let place = AlignedBytes(count: LogLimits.mebibyte)
        var crc: UInt32 = 0
        var offset: UInt64 = 0
        while true {
            guard !isCancelled() else { throw .cancelled(path) }
            let count = try io.readAll(file, into: place.mutable, at: offset)
            crc = crc32c(place.readOnly.part(0, count), continuing: crc)
            offset += UInt64(count)
            guard count == place.count else { break }
        }
        extendLifetime(place)
        return (crc, offset)
    }

    /// Length of a file.
    func bytes(_ path: String) throws(SystemCallError) -> UInt64 {
        let file = try io.open(path, .readDevice)
        defer { io.close(file) }
        return try io.size(file)
    }
}
