import NIOCore
import Testing

@testable import Engine

/// RFC 6455, reading side.
struct WebSocketFrameParserTests {
    typealias Event = WebSocketFrameParser.Event

    /// What `bytes` mean when they arrive in pieces of `step`; the violation that ends them, if any.
    static func parse(
        _ bytes: [UInt8],
        step: Int = .max,
        role: WebSocketFrameParser.Role = .server,
        limits: WebSocketFrameParser.Limits = .init()
    ) -> (events: [Event], violation: String?) {
        var parser = WebSocketFrameParser(role: role, limits: limits)
        var events: [Event] = []
        var position = 0
        while position < bytes.count {
            let end = step >= bytes.count - position ? bytes.count : position + step
            var input = ByteBuffer(bytes: bytes[position..<end])
            position = end
            do throws(WebSocketFrameParser.Violation) {
                while let event = try parser.next(&input) { events.append(event) }
            } catch {
                return (events, error.description)
            }
        }
        return (events, nil)
    }

    private static func payload(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    }

    @Test(arguments: [0, 1, 2, 3, 4, 7, 31, 32, 33, 125, 126, 127, 65_535, 65_536, 70_000])
    func everyLengthForm(count: Int) {
        let payload = Self.payload(count)
        for mask: [UInt8] in [[0, 0, 0, 0], [1, 2, 3, 4], [0xFF, 0, 0xFF, 0x80]] {
            let bytes = ClientFrame(opcode: 2, payload: payload, mask: mask).bytes
            #expect(Self.parse(bytes).events == [.binary(ByteBuffer(bytes: payload))])
        }
        let unmasked = ClientFrame(opcode: 1, payload: payload, mask: nil).bytes
        #expect(Self.parse(unmasked, role: .client).events == [.text(ByteBuffer(bytes: payload))])
    }

    /// A frame cut anywhere, also inside its header, gives the same events: mask phases included.
    @Test(arguments: [1, 2, 3, 5, 7, 16, 64])
    func piecesGiveTheSameEvents(step: Int) {
        var bytes: [UInt8] = []
        for count in [0, 1, 5, 125, 126, 300, 65_536] {
            bytes += ClientFrame(opcode: 1, payload: Self.payload(count)).bytes
            bytes += ClientFrame(opcode: 9, payload: Self.payload(count % 126)).bytes
        }
        let whole = Self.parse(bytes)
        let pieces = Self.parse(bytes, step: step)
        #expect(whole.events.count == 14)
        #expect(pieces.events == whole.events)
        #expect(pieces.violation == nil)
    }

    /// Python 0.25 sends large messages in fragments; its pings and pongs stand between them (protocol.md §1.1).
    @Test func fragmentsWithControlFramesBetween() {
        let bytes =
            ClientFrame(opcode: 1, payload: Array("{\"a\":".utf8), isFinal: false).bytes
            + ClientFrame(opcode: 9, payload: [7]).bytes
            + ClientFrame(opcode: 0, payload: [], isFinal: false).bytes
            + ClientFrame(opcode: 10).bytes
            + ClientFrame(opcode: 0, payload: Array("1}".utf8)).bytes
            + ClientFrame(opcode: 2, payload: [9]).bytes
        let expected: [Event] = [
            .ping(ByteBuffer(bytes: [7])), .pong, .text(ByteBuffer(string: "{\"a\":1}")),
            .binary(ByteBuffer(bytes: [9])),
        ]
        for step in [1, 2, 3, Int.max] {
            let result = Self.parse(bytes, step: step)
            #expect(result.events == expected)
            #expect(result.violation == nil)
        }
    }

    @Test(
        arguments: [
            ([], nil), ([3, 0xE8], 1000), ([3, 0xF4, 0x62, 0x79, 0x65], 1012), ([3, 0xEB], 1003), ([3, 0xEF], 1007),
            ([3, 0xF6], 1014), ([0x0B, 0xB8], 3000), ([0x13, 0x87, 0xC3, 0xA9], 4999),
        ] as [([UInt8], UInt16?)]
    )
    func closeCodes(payload: [UInt8], code: UInt16?) {
        #expect(Self.parse(ClientFrame(opcode: 8, payload: payload).bytes).events == [.close(code: code)])
    }

    /// RFC 6455 §7.4: such codes were echoed, 1005 and 1006 too, which must never be on the wire.
    @Test(
        arguments: [
            ([3], "close frame of one byte", 1002), ([0, 0], "close frame with the code 0", 1002),
            ([3, 0xE7], "close frame with the code 999", 1002), ([3, 0xEC], "close frame with the code 1004", 1002),
            ([3, 0xED], "close frame with the code 1005", 1002), ([3, 0xEE], "close frame with the code 1006", 1002),
            ([3, 0xF7], "close frame with the code 1015", 1002), ([3, 0xF8], "close frame with the code 1016", 1002),
            ([0x0B, 0xB7], "close frame with the code 2999", 1002),
            ([0x13, 0x88], "close frame with the code 5000", 1002),
            ([3, 0xE8, 0xC3], "close frame whose reason is not UTF-8", 1007),
            ([3, 0xE8, 0xED, 0xA0, 0x80], "close frame whose reason is not UTF-8", 1007),
        ] as [([UInt8], String, UInt16)]
    )
    func badClosePayloads(payload: [UInt8], text: String, code: UInt16) throws {
        var parser = WebSocketFrameParser(role: .server)
        var input = ByteBuffer(bytes: ClientFrame(opcode: 8, payload: payload).bytes)
        let violation = #expect(throws: WebSocketFrameParser.Violation.self) { try parser.next(&input) }
        #expect(violation == WebSocketFrameParser.Violation(description: text, code: code))
    }

    @Test(arguments: [
        ("client frame is not masked", ClientFrame(opcode: 1, payload: [1], mask: nil).bytes),
        ("reserved bits are set", ClientFrame(opcode: 1, reservedBits: 0x40).bytes),
        ("reserved bits are set", ClientFrame(opcode: 1, reservedBits: 0x20).bytes),
        ("reserved bits are set", ClientFrame(opcode: 1, reservedBits: 0x10).bytes),
        ("unknown opcode 3", ClientFrame(opcode: 3).bytes),
        ("unknown opcode 7", ClientFrame(opcode: 7).bytes),
        ("unknown opcode 11", ClientFrame(opcode: 11).bytes),
        ("unknown opcode 15", ClientFrame(opcode: 15).bytes),
        ("control frame is fragmented", ClientFrame(opcode: 9, isFinal: false).bytes),
        ("control frame of 126 bytes, maximum is 125", ClientFrame(opcode: 9, payload: payload(126)).bytes),
        ("control frame of 200 bytes, maximum is 125", ClientFrame(opcode: 8, payload: payload(200)).bytes),
        ("continuation frame without a message", ClientFrame(opcode: 0).bytes),
        (
            "new message inside a fragmented one",
            ClientFrame(opcode: 1, isFinal: false).bytes + ClientFrame(opcode: 1).bytes
        ),
        (
            "new message inside a fragmented one",
            ClientFrame(opcode: 1, isFinal: false).bytes + ClientFrame(opcode: 2).bytes
        ),
        ("frame of 1025 bytes exceeds the limit of 1024", ClientFrame(opcode: 1, payload: payload(1025)).bytes),
        (
            "message of more than 1536 bytes; use channels for larger payloads",
            ClientFrame(opcode: 1, payload: payload(1000), isFinal: false).bytes
                + ClientFrame(opcode: 0, payload: payload(537)).bytes
        ),
    ])
    func violations(text: String, bytes: [UInt8]) {
        let limits = WebSocketFrameParser.Limits(frameBytes: 1024, messageBytes: 1536)
        for step in [1, Int.max] {
            let result = Self.parse(bytes, step: step, limits: limits)
            #expect(result.violation == text)
            #expect(result.events.isEmpty)
        }
    }

    @Test func limitsAreInclusive() {
        let limits = WebSocketFrameParser.Limits(frameBytes: 1024, messageBytes: 1536)
        let bytes =
            ClientFrame(opcode: 1, payload: Self.payload(1024), isFinal: false).bytes
            + ClientFrame(opcode: 0, payload: Self.payload(512)).bytes
        let result = Self.parse(bytes, limits: limits)
        #expect(result.violation == nil)
        #expect(result.events.count == 1)
    }

    @Test func serverFramesMustNotBeMasked() {
        let result = Self.parse(ClientFrame(opcode: 1, payload: [1]).bytes, role: .client)
        #expect(result.violation == "server frame is masked")
    }

    /// A header may claim anything; memory grows with what has arrived only.
    @Test func hugeClaimIsRefusedAtTheHeader() {
        let header: [UInt8] = [0x81, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4]
        #expect(Self.parse(header).violation?.contains("exceeds every limit") == true)
    }

    // MARK: Fuzz

    /// Any bytes in any pieces: no trap, and the same outcome as in one piece.
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func mutatedStreams(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<50 {
            var bytes = Self.randomFrames(using: &generator)
            for _ in 0..<Int.random(in: 0...4, using: &generator) where !bytes.isEmpty {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] ^=
                    1 << UInt8.random(in: 0...7, using: &generator)
            }
            let limits = WebSocketFrameParser.Limits(frameBytes: 4096, messageBytes: 8192)
            let whole = Self.parse(bytes, limits: limits)
            let pieces = Self.parse(bytes, step: Int.random(in: 1...9, using: &generator), limits: limits)
            #expect(whole.events == pieces.events, "seed \(seed)")
            #expect(whole.violation == pieces.violation, "seed \(seed)")
        }
    }

    private static func randomFrames(using generator: inout SeededGenerator) -> [UInt8] {
        (0..<Int.random(in: 1...6, using: &generator)).flatMap { _ in
            let opcode: UInt8 = [0, 1, 1, 2, 8, 9, 10].randomElement(using: &generator) ?? 1
            let count = Int.random(in: 0...(opcode >= 8 ? 125 : 300), using: &generator)
            return ClientFrame(
                opcode: opcode,
                payload: payload(count),
                isFinal: opcode >= 8 || Bool.random(using: &generator),
                mask: (0..<4).map { _ in UInt8.random(in: 0...255, using: &generator) }
            ).bytes
        }
    }
}
