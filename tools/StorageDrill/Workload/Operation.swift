/// One step of a workload's transaction. Keys are numbers, values are seeds: both can be computed again.
enum Operation: Equatable, Sendable {
    case put(table: Int, key: Int, value: ValueSeed)
    case delete(table: Int, key: Int)
    /// Keys of the half-open range.
    case trim(table: Int, from: Int, upTo: Int)
    case note(byteCount: Int)
}

/// A value without its bytes.
struct ValueSeed: Equatable, Sendable {
    var seed: UInt64
    var byteCount: Int

    /// Random bytes, or for every second seed a repeated piece that compresses.
    var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { place, count in
            fill(UnsafeMutableRawBufferPointer(place))
            count = byteCount
        }
    }

    /// Writes the bytes to the start of a buffer that is large enough.
    func fill(_ place: UnsafeMutableRawBufferPointer) {
        var generator = SeededGenerator(seed: seed)
        let repeats = seed & 1 == 0
        let period = 40
        let unique = repeats ? min(period, byteCount) : byteCount
        var offset = 0
        while offset + 8 <= unique {
            place.storeBytes(of: generator.next(), toByteOffset: offset, as: UInt64.self)
            offset += 8
        }
        var last = generator.next()
        while offset < unique {
            place[offset] = UInt8(truncatingIfNeeded: last)
            last >>= 8
            offset += 1
        }
        while offset < byteCount {
            // What is there is a multiple of the period, or shorter than one and complete.
            let piece = UnsafeRawBufferPointer(rebasing: place[..<min(offset, byteCount - offset)])
            UnsafeMutableRawBufferPointer(rebasing: place[offset..<offset + piece.count]).copyMemory(from: piece)
            offset += piece.count
        }
    }
}
