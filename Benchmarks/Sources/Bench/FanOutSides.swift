import BenchKit
import Glibc
import NIOCore

/// Ours: a worker calls a function of `iii-stream`, WebSocket clients have joined the group.
struct EngineFanOut: FanOutSide {
    private static let headBytes = 4096

    let port: Int
    let streamPort: Int
    let group: String
    let template: FrameTemplate
    private var random = SplitMix(seed: 1)
    private var frames = ByteBuffer()

    init(port: Int, streamPort: Int, group: String, template: FrameTemplate) {
        self.port = port
        self.streamPort = streamPort
        self.group = group
        self.template = template
    }

    /// Joins answered by the sync of an empty group.
    func subscribe(count: Int) throws -> [Int32] {
        let descriptors = try (0..<count).map { _ in try Loopback.connected(to: streamPort) }
        let upgrade = Array(Wire.upgradeRequest(target: "/", port: streamPort).utf8)
        for descriptor in descriptors { try Loopback.send(upgrade, descriptor) }
        for descriptor in descriptors { try Self.readUpgradeResponse(descriptor) }
        var join = ByteBuffer()
        join.writeMaskedMessage(
            "{\"type\":\"join\",\"data\":{\"subscriptionId\":\"s\",\"streamName\":\"bench\",\"groupId\":\"\(group)\"}}"
        )
        let frame = Array(join.readableBytesView)
        for descriptor in descriptors { try Loopback.send(frame, descriptor) }
        for descriptor in descriptors {
            let sync = try Loopback.receive(descriptor) { bytes in
                bytes.withUnsafeBytes { ServerFrame($0, at: 0)?.payload.upperBound == $0.count }
            }
            guard String(decoding: sync, as: UTF8.self).contains("\"type\":\"sync\"") else {
                throw BenchError("a join was answered by \(String(decoding: sync, as: UTF8.self))")
            }
        }
        return descriptors
    }

    func connectWriter() throws -> Int32 {
        let descriptor = try Loopback.connected(to: port)
        try Loopback.send(Array(Wire.upgradeRequest(target: "/?role=writer", port: port).utf8), descriptor)
        // `workerregistered` may follow at once: it is no answer, see `takeAnswers`.
        try Self.readUpgradeResponse(descriptor)
        return descriptor
    }

    private static func readUpgradeResponse(_ descriptor: Int32) throws {
        var byte: UInt8 = 0
        var head: [UInt8] = []
        while !head.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            guard head.count < headBytes, Glibc.read(descriptor, &byte, 1) == 1 else {
                throw BenchError("upgrade refused: \(String(decoding: head, as: UTF8.self))")
            }
            head.append(byte)
        }
        guard String(decoding: head, as: UTF8.self).hasPrefix("HTTP/1.1 101") else {
            throw BenchError("upgrade refused: \(String(decoding: head, as: UTF8.self))")
        }
    }

    mutating func appendRequest(_ number: Int, to output: inout [UInt8]) {
        frames.clear()
        template.write(number: number, random: &random, to: &frames)
        output += frames.readableBytesView
    }

    func takeAnswers(_ bytes: inout [UInt8]) throws -> Int {
        var count = 0
        var consumed = 0
        try bytes.withUnsafeBytes { bytes in
            while let frame = ServerFrame(bytes, at: consumed) {
                let payload = UnsafeRawBufferPointer(rebasing: bytes[frame.payload])
                consumed = frame.payload.upperBound
                guard Scan.invocationNumber(in: payload) != nil else { continue }
                count += 1
                if Scan.end(of: "\"error\":", in: payload) != nil {
                    throw BenchError("a write failed: \(String(decoding: payload.prefix(400), as: UTF8.self))")
                }
            }
        }
        bytes.removeFirst(consumed)
        return count
    }
}

/// Redis: one client publishes a value, others have subscribed to its channel.
struct RedisFanOut: FanOutSide {
    let port: Int
    private let request: [UInt8]

    init(port: Int, value: String) {
        self.port = port
        request = RedisPeer.command(["PUBLISH", "bench", value])
    }

    func subscribe(count: Int) throws -> [Int32] {
        let subscribe = RedisPeer.command(["SUBSCRIBE", "bench"])
        let descriptors = try (0..<count).map { _ in try Loopback.connected(to: port) }
        for descriptor in descriptors { try Loopback.send(subscribe, descriptor) }
        for descriptor in descriptors {
            _ = try Loopback.receive(descriptor) { $0.suffix(4).elementsEqual(":1\r\n".utf8) }
        }
        return descriptors
    }

    func connectWriter() throws -> Int32 { try Loopback.connected(to: port) }

    mutating func appendRequest(_ number: Int, to output: inout [UInt8]) {
        output += request
    }

    /// Each is `:1000`, the number of subscribers that got it.
    func takeAnswers(_ bytes: inout [UInt8]) throws -> Int {
        guard let end = bytes.lastIndex(of: UInt8(ascii: "\n")) else { return 0 }
        guard bytes[0] == UInt8(ascii: ":") else {
            throw BenchError("redis refused PUBLISH: \(String(decoding: bytes.prefix(200), as: UTF8.self))")
        }
        let count = bytes[...end].reduce(0) { $0 + ($1 == UInt8(ascii: "\n") ? 1 : 0) }
        bytes.removeFirst(end + 1)
        return count
    }
}

extension Loopback {
    private static let smallBytes = 64 << 10

    /// Reads from a blocking socket until `isWhole`; for small messages that nothing follows.
    static func receive(_ descriptor: Int32, until isWhole: ([UInt8]) -> Bool) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while !isWhole(bytes) {
            let count = read(descriptor, &chunk, chunk.count)
            guard count > 0, bytes.count < smallBytes else { throw BenchError("no whole answer: errno \(errno)") }
            bytes += chunk[..<count]
        }
        return bytes
    }
}
