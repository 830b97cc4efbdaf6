/// CRC32C, as everywhere in the store's files: for files that tools exchange.
public enum Checksum {
    public static func crc32c(_ bytes: UnsafeRawBufferPointer, continuing checksum: UInt32 = 0) -> UInt32 {
        Storage.crc32c(bytes, continuing: checksum)
    }
}
