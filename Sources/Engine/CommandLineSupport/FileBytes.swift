#if canImport(Glibc)
    import Glibc
#endif

/// Reads a whole file, or what a pipe brings until its end, up to a limit.
enum FileBytes {
    struct Failure: Error, Equatable {
        let reason: String
    }

    private static let chunkBytes = 64 << 10

    static func read(_ descriptor: Int32, maximum: Int) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: chunkBytes)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure(reason: SystemError.describe(errno)) }
            guard count > 0 else { return bytes }
            bytes.append(contentsOf: chunk[..<count])
            guard bytes.count <= maximum else { throw Failure(reason: "larger than \(maximum) bytes") }
        }
    }
}
