import Glibc

/// Complete reads and writes from possibly short ones.
extension StorageIO {
    func writeAll(_ file: File, _ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(SystemCallError) {
        var done = 0
        while done < bytes.count {
            do throws(SystemCallError) {
                let written = try pwrite(file, bytes.part(done, bytes.count - done), at: offset + UInt64(done))
                guard written > 0 else { throw SystemCallError(call: "pwrite", number: EIO, path: "(wrote nothing)") }
                done += written
            } catch {
                guard error.number == EINTR else { throw error }
            }
        }
    }

    /// Reads until the buffer is full or the file ends; returns how much there was.
    func readAll(_ file: File, into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemCallError)
        -> Int
    {
        var done = 0
        while done < bytes.count {
            do {
                let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[done...])
                let count = try pread(file, into: rest, at: offset + UInt64(done))
                if count == 0 { break }
                done += count
            } catch {
                guard error.number == EINTR else { throw error }
            }
        }
        return done
    }

    /// Writes zeros over the whole length and syncs: written blocks sync without a journal commit (§4).
    func fillWithZeros(_ file: File, length: Int) throws(SystemCallError) {
        let step = min(length, LogLimits.mebibyte)
        let zeros = AlignedBytes(count: step)
        var offset = 0
        while offset < length {
            let count = min(step, length - offset)
            try writeAll(file, zeros.readOnly.part(0, count), at: UInt64(offset))
            offset += count
        }
        extendLifetime(zeros)
        try fdatasync(file)
    }

    /// A small whole file that appears completely or not at all: temp, sync, rename, sync of the directory.
    func replaceFile(_ path: String, in directory: String, with bytes: [UInt8]) throws(SystemCallError) {
        let temporary = path + ".tmp"
        let file = try open(temporary, .create)
        try writeAndClose(file, bytes)
        try rename(temporary, to: path)
        if !isMutant(.noFormatNameSync) { try syncDirectory(directory) }
    }

    private func writeAndClose(_ file: File, _ bytes: [UInt8]) throws(SystemCallError) {
        defer { close(file) }
        let content = AlignedBytes(count: max(1, bytes.count))
        content.mutable.copyBytes(from: bytes)
        try writeAll(file, content.readOnly.part(0, bytes.count), at: 0)
        extendLifetime(content)
        try fdatasync(file)
    }

    /// A small whole file, at most `limit` bytes.
    func readFile(_ path: String, limit: Int) throws(SystemCallError) -> [UInt8] {
        let file = try open(path, .readDevice)
        defer { close(file) }
        let place = AlignedBytes(count: LogLimits.roundedToBlock(limit))
        let count = try readAll(file, into: place.mutable, at: 0)
        let bytes = Array(place.readOnly.part(0, min(count, limit)))
        extendLifetime(place)
        return bytes
    }
}

/// Zeroed memory on a 4 KiB edge, for direct reads and writes.
struct AlignedBytes: ~Copyable {
    private let memory: UnsafeMutableRawPointer
    let count: Int

    init(count: Int) {
        self.init(uninitialized: count)
        memset(memory, 0, count)
    }

    /// For what is read: nothing is touched before the bytes are there.
    init(uninitialized count: Int) {
        precondition(count > 0)
        memory = .allocate(byteCount: count, alignment: LogLimits.blockBytes)
        self.count = count
    }

    deinit {
        memory.deallocate()
    }

    var mutable: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: memory, count: count) }
    var readOnly: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: memory, count: count) }
}
