import BenchKit
import Glibc
import NIOCore

/// A worker on a blocking socket and a thread of its own that sends one invocation per period and reads its answer, so
/// that the megabytes it moves don't hold up the generator's event loop.
final class PeriodicWriter {
    /// Anything shorter isn't the answer: it repeats the value.
    private static let smallestAnswerBytes = 1 << 20
    private static let chunkBytes = 1 << 20

    /// What the thread and its owner share; the owner reads `outcome` after the join only.
    private final class Shared: @unchecked Sendable {
        let descriptor: Int32
        let stopPipe: (read: Int32, write: Int32)
        var outcome: Result<[Double], any Error> = .success([])

        init(port: Int) throws {
            descriptor = try Loopback.connected(to: port)
            var ends: [Int32] = [0, 0]
            guard pipe(&ends) == 0 else { throw BenchError("no pipe: errno \(errno)") }
            stopPipe = (ends[0], ends[1])
        }

        deinit { for end in [descriptor, stopPipe.read, stopPipe.write] { close(end) } }

        /// False when told to stop instead.
        func waits(milliseconds: Int) -> Bool {
            var entry = pollfd(fd: stopPipe.read, events: Int16(POLLIN), revents: 0)
            return poll(&entry, 1, Int32(max(0, milliseconds))) == 0
        }

        func readExactly(_ count: Int, _ chunk: inout [UInt8]) throws {
            var rest = count
            while rest > 0 {
                let received = read(descriptor, &chunk, min(rest, chunk.count))
                guard received > 0 || errno == EINTR else { throw BenchError("the large writer lost its connection") }
                rest -= max(0, received)
            }
        }

        /// Reads messages until one is as long as the answer.
        func readAnswer() throws {
            var chunk = [UInt8](repeating: 0, count: PeriodicWriter.chunkBytes)
            var messageBytes = 0
            while true {
                try readExactly(2, &chunk)
                let isFinal = chunk[0] & 0x80 != 0
                var length = Int(chunk[1] & 0x7F)
                if length >= 126 {
                    let bytes = length == 126 ? 2 : 8
                    var header = [UInt8](repeating: 0, count: bytes)
                    try readExactly(bytes, &header)
                    length = header.reduce(0) { $0 << 8 | Int($1) }
                }
                try readExactly(length, &chunk)
                messageBytes += length
                guard isFinal else { continue }
                if messageBytes >= PeriodicWriter.smallestAnswerBytes { return }
                let text = String(decoding: chunk.prefix(length), as: UTF8.self)
                guard !text.contains("\"error\":") else { throw BenchError("the large write failed: \(text)") }
                messageBytes = 0
            }
        }
    }

    private let shared: Shared
    private let thread: BackgroundThread

    init(port: Int, template: FrameTemplate, periodMilliseconds: Int) throws {
        let shared = try Shared(port: port)
        var frame = ByteBuffer()
        var random = SplitMix(seed: 1)
        template.write(number: 1, random: &random, to: &frame)
        let bytes = Array(frame.readableBytesView)
        self.shared = shared
        try Loopback.send(Array(Wire.upgradeRequest(target: "/?role=large", port: port).utf8), shared.descriptor)
        try Self.readUpgradeResponse(shared)
        thread = try BackgroundThread { shared.outcome = Result { try Self.run(shared, bytes, periodMilliseconds) } }
    }

    private static func readUpgradeResponse(_ shared: Shared) throws {
        var head: [UInt8] = []
        var byte: [UInt8] = [0]
        while !head.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            try shared.readExactly(1, &byte)
            head.append(byte[0])
        }
        guard String(decoding: head, as: UTF8.self).hasPrefix("HTTP/1.1 101") else {
            throw BenchError("upgrade refused: \(String(decoding: head, as: UTF8.self))")
        }
    }

    /// Seconds that each write took.
    private static func run(_ shared: Shared, _ frame: [UInt8], _ periodMilliseconds: Int) throws -> [Double] {
        var taken: [Double] = []
        repeat {
            let start = monotonicNanoseconds()
            try Loopback.send(frame, shared.descriptor)
            try shared.readAnswer()
            taken.append(Double(monotonicNanoseconds() - start) / 1e9)
        } while shared.waits(milliseconds: periodMilliseconds - Int((taken.last ?? 0) * 1000))
        return taken
    }

    /// Waits for the write under way. How many seconds each took.
    func stop() throws -> [Double] {
        var byte: UInt8 = 0
        _ = write(shared.stopPipe.write, &byte, 1)
        thread.join()
        return try shared.outcome.get()
    }
}
