import Glibc

/// The bytes of one file as sparse chunks, copied on write: an image shares everything that it does not change.
struct FileContent {
    static let chunkBytes: UInt64 = 65_536

    /// 64 KiB of memory. Mutated only while uniquely referenced.
    private final class Chunk {
        let bytes: UnsafeMutableRawBufferPointer

        init() {
            bytes = .allocate(byteCount: Int(chunkBytes), alignment: 4096)
            bytes.initializeMemory(as: UInt8.self, repeating: 0)
        }

        init(copying other: Chunk) {
            bytes = .allocate(byteCount: Int(chunkBytes), alignment: 4096)
            bytes.copyMemory(from: UnsafeRawBufferPointer(other.bytes))
        }

        deinit {
            bytes.deallocate()
        }
    }

    private(set) var size: UInt64 = 0
    /// A missing chunk is zeros.
    private var chunks: [UInt64: Chunk] = [:]

    mutating func write(_ source: UnsafeRawBufferPointer, at offset: UInt64) {
        forEachPiece(offset, UInt64(source.count)) { content, index, place, start in
            content.withChunk(index) { chunk in
                let piece = UnsafeRawBufferPointer(rebasing: source[start..<start + place.count])
                UnsafeMutableRawBufferPointer(rebasing: chunk[place]).copyMemory(from: piece)
            }
        }
        grow(to: offset + UInt64(source.count))
    }

    mutating func writeZeros(at offset: UInt64, count: UInt64) {
        zero(from: offset, upTo: offset + count)
        grow(to: offset + count)
    }

    mutating func grow(to bytes: UInt64) {
        size = max(size, bytes)
    }

    mutating func truncate(to bytes: UInt64) {
        if bytes < size { zero(from: bytes, upTo: size) }
        size = bytes
    }

    private mutating func zero(from start: UInt64, upTo end: UInt64) {
        guard !chunks.isEmpty else { return }
        forEachPiece(start, end - start) { content, index, place, _ in
            guard content.chunks[index] != nil else { return }
            if place.count == Int(Self.chunkBytes) {
                content.chunks[index] = nil
            } else {
                content.withChunk(index) { chunk in
                    let part = UnsafeMutableRawBufferPointer(rebasing: chunk[place])
                    part.initializeMemory(as: UInt8.self, repeating: 0)
                }
            }
        }
    }

    /// Calls with chunk number, range in the chunk, and offset from the start of the whole range.
    private mutating func forEachPiece(
        _ offset: UInt64,
        _ count: UInt64,
        _ body: (inout FileContent, UInt64, Range<Int>, Int) -> Void
    ) {
        var done: UInt64 = 0
        while done < count {
            let place = (offset + done) % Self.chunkBytes
            let length = min(Self.chunkBytes - place, count - done)
            body(&self, (offset + done) / Self.chunkBytes, Int(place)..<Int(place + length), Int(done))
            done += length
        }
    }

    private mutating func withChunk(_ index: UInt64, _ body: (UnsafeMutableRawBufferPointer) -> Void) {
        guard let slot = chunks.index(forKey: index) else {
            let chunk = Chunk()
            chunks[index] = chunk
            return body(chunk.bytes)
        }
        if !isKnownUniquelyReferenced(&chunks.values[slot]) {
            chunks.values[slot] = Chunk(copying: chunks.values[slot])
        }
        body(chunks.values[slot].bytes)
    }
}

extension FileContent {
    init(readingFile path: String) throws(DrillError) {
        let file = try OpenFile(path, O_RDONLY)
        let place = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(Self.chunkBytes), alignment: 4096)
        defer { place.deallocate() }
        while true {
            let count = try file.read(into: place, at: size)
            if count == 0 { return }
            let part = UnsafeRawBufferPointer(rebasing: place[..<count])
            if Self.isZero(part) { grow(to: size + UInt64(count)) } else { write(part, at: size) }
        }
    }

    /// Writes a new file with these bytes; zeros become holes.
    func save(_ path: String) throws(DrillError) {
        let file = try OpenFile(path, O_WRONLY | O_CREAT | O_EXCL)
        for index in chunks.keys.sorted() {
            guard let chunk = chunks[index] else { continue }
            let start = index * Self.chunkBytes
            guard start < size else { break }
            let count = Int(min(Self.chunkBytes, size - start))
            let bytes = UnsafeRawBufferPointer(rebasing: chunk.bytes[..<count])
            if !Self.isZero(bytes) { try file.write(bytes, at: start) }
        }
        try file.truncate(to: size)
    }

    /// Offset of the first byte that differs from a file's; nil: the same. A difference in length counts.
    func firstDifference(fromFile path: String) throws(DrillError) -> UInt64? {
        let file = try OpenFile(path, O_RDONLY)
        let zeros = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(Self.chunkBytes), alignment: 4096)
        let place = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(Self.chunkBytes), alignment: 4096)
        defer {
            zeros.deallocate()
            place.deallocate()
        }
        zeros.initializeMemory(as: UInt8.self, repeating: 0)
        var offset: UInt64 = 0
        while offset < size {
            let wanted = Int(min(Self.chunkBytes, size - offset))
            let mine = chunks[offset / Self.chunkBytes]?.bytes ?? zeros
            let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: place[..<wanted]), at: offset)
            for index in 0..<count where mine[index] != place[index] { return offset + UInt64(index) }
            if count < wanted { return offset + UInt64(count) }
            offset += UInt64(count)
        }
        return file.size == size ? nil : size
    }

    private static func isZero(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let start = bytes.baseAddress, bytes.count > 0 else { return true }
        return bytes[0] == 0 && memcmp(start, start + 1, bytes.count - 1) == 0
    }
}
