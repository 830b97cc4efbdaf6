import Glibc
import Storage

/// Lines of a file, front to back, in bounded memory.
final class LineReader {
    /// Key and value in base64, with room to spare.
    static let maximumLineBytes = 256 << 20
    private static let chunkBytes = 1 << 20

    let path: String
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var offset = 0
    private(set) var number: UInt64 = 0
    private var isAtEnd = false

    init(_ path: String) throws {
        self.path = path
        descriptor = open(path, O_RDONLY)
        guard descriptor >= 0 else { throw failure("can't be opened", errno) }
    }

    deinit {
        close(descriptor)
    }

    /// With its line end, if it has one; nil: the end.
    func next() throws -> Bytes? {
        var searched = offset
        while true {
            if let end = buffer[searched...].firstIndex(of: 0x0A) { return take(through: end) }
            searched = buffer.count
            guard buffer.count - offset <= Self.maximumLineBytes else {
                throw CommandFailure(
                    "line \(number + 1) is too long",
                    path: path,
                    remedy: "this is no export of this tool"
                )
            }
            guard !isAtEnd else { return offset < buffer.count ? take(through: buffer.count - 1) : nil }
            searched -= try fill()
        }
    }

    private func take(through end: Int) -> Bytes {
        number += 1
        defer { offset = end + 1 }
        return Bytes(buffer[offset...end])
    }

    /// Returns by how much what is there has moved to the front.
    private func fill() throws -> Int {
        let moved = offset
        buffer.removeFirst(offset)
        offset = 0
        var failed: Int32 = 0
        let chunk = [UInt8](unsafeUninitializedCapacity: Self.chunkBytes) { place, count in
            var got = 0
            repeat { got = read(descriptor, place.baseAddress, Self.chunkBytes) } while got < 0 && errno == EINTR
            failed = got < 0 ? errno : 0
            count = max(0, got)
        }
        guard failed == 0 else { throw failure("can't be read", failed) }
        isAtEnd = chunk.isEmpty
        buffer += chunk
        return moved
    }

    private func failure(_ what: String, _ number: Int32) -> CommandFailure {
        let error = SystemCallError(call: "read", number: number, path: path)
        return CommandFailure("the file \(what)", error, remedy: "check the path and its rights")
    }
}
