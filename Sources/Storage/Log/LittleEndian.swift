import CPlatform
import Glibc

extension UnsafeMutableRawPointer {
    /// Stores in the log's byte order, at any alignment.
    @inline(__always)
    func storeLittle<T: FixedWidthInteger>(_ value: T, at offset: Int) {
        storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
    }
}

extension UnsafeRawBufferPointer {
    /// Loads in the log's byte order, at any alignment. Bounds are checked in release builds too.
    @inline(__always)
    func loadLittle<T: FixedWidthInteger>(_ type: T.Type, at offset: Int) -> T {
        precondition(offset >= 0 && offset <= count - MemoryLayout<T>.size, "read beyond the buffer")
        return T(littleEndian: loadUnaligned(fromByteOffset: offset, as: T.self))
    }

    @inline(__always)
    func part(_ offset: Int, _ length: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[offset..<offset + length])
    }
}

extension UnsafeRawBufferPointer {
    /// Compares the bytes with themselves shifted by one: as fast as memcmp.
    var isAllZero: Bool {
        guard let base = baseAddress, count > 0 else { return true }
        return self[0] == 0 && memcmp(base, base + 1, count - 1) == 0
    }
}

/// CRC32C; start with 0, or with an earlier result to continue.
@inline(__always)
func crc32c(_ bytes: UnsafeRawBufferPointer, continuing crc: UInt32 = 0) -> UInt32 {
    iii_crc32c(crc, bytes.baseAddress, bytes.count)
}
