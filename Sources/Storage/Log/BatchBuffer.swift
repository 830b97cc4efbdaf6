import Glibc

/// One batch in the making: 4 KiB-aligned memory with room for the header, then the encoded records (storage.md §5.6 step 2).
///
/// `@unchecked Sendable`: exactly one side owns a buffer at a time. The commit core owns it while it is open, the writer
/// after taking it out of the core under the core's lock, the core again after the writer returned it the same way.
final class BatchBuffer: @unchecked Sendable {
    private(set) var memory: UnsafeMutableRawPointer
    private(set) var capacity: Int
    /// Bytes used, the header's room included.
    private(set) var count = BatchHeader.encodedBytes
    var recordCount = 0
    var transactionCount = 0
    var firstLSN = LSN.zero
    /// A checkpoint covers everything up to this batch.
    var endsCheckpoint = false
    /// Bytes that it took in the log, once written.
    var storedBytes = 0

    init(capacity: Int = 64 * 1024) {
        self.capacity = LogLimits.roundedToBlock(max(capacity, LogLimits.blockBytes))
        memory = Self.allocate(self.capacity)
    }

    deinit {
        free(memory)
    }

    var isEmpty: Bool { recordCount == 0 }
    var payloadBytes: Int { count - BatchHeader.encodedBytes }
    var paddedBytes: Int { LogLimits.roundedToBlock(count) }
    var lastLSN: LSN { LSN(rawValue: firstLSN.rawValue + UInt64(recordCount) - 1) }

    var payload: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: memory + BatchHeader.encodedBytes, count: payloadBytes)
    }

    /// Makes room for `bytes` more and returns where they go.
    @inline(__always)
    func append(_ bytes: Int) -> UnsafeMutableRawPointer {
        if count + bytes > capacity { grow(toHold: count + bytes) }
        let place = memory + count
        count += bytes
        return place
    }

    /// Takes back everything from `count` on.
    func truncate(to count: Int) {
        precondition(count >= BatchHeader.encodedBytes && count <= self.count)
        self.count = count
    }

    func reset() {
        count = BatchHeader.encodedBytes
        recordCount = 0
        transactionCount = 0
        firstLSN = .zero
        endsCheckpoint = false
        storedBytes = 0
    }

    /// The first `bytes` bytes of its memory, whatever it counts.
    func whole(_ bytes: Int) -> UnsafeRawBufferPointer {
        precondition(bytes <= capacity, "more than it holds")
        return UnsafeRawBufferPointer(start: memory, count: bytes)
    }

    /// Zeroes the padding and returns the bytes as they go to disk.
    func padded() -> UnsafeRawBufferPointer {
        let padded = paddedBytes
        if padded > capacity { grow(toHold: padded) }
        memset(memory + count, 0, padded - count)
        return UnsafeRawBufferPointer(start: memory, count: padded)
    }

    private func grow(toHold bytes: Int) {
        let larger = LogLimits.roundedToBlock(max(bytes, capacity * 2))
        let moved = Self.allocate(larger)
        memcpy(moved, memory, count)
        free(memory)
        memory = moved
        capacity = larger
    }

    private static func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
        guard let memory = aligned_alloc(LogLimits.blockBytes, bytes) else {
            fatalError("out of memory: no \(bytes) bytes for a log batch")
        }
        return memory
    }
}
