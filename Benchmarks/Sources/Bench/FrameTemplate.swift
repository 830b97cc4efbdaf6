import NIOCore

/// A masked `invokefunction` message, ready but for its invocation id's last twelve digits and, for `state::set`, the
/// digits of its key: one invocation costs the generator a copy and a few patched bytes.
struct FrameTemplate: Sendable {
    /// How many keys the figures of state and redis-benchmark use, at random.
    static let keySpace = 100_000

    /// Which key an invocation gets.
    enum Keys: Sendable {
        case random(below: Int)
        /// From the first on, one after the other.
        case consecutive(from: Int)
    }

    private let bytes: ByteBuffer
    private let idOffset: Int
    private let keyOffset: Int?
    private let keys: Keys

    /// - Parameter dataJSON: the payload; a run of twelve `#` in it is the place of a random key.
    init(functionID: String, dataJSON: String, keys: Keys = .random(below: keySpace)) {
        self.keys = keys
        let head = "{\"type\":\"invokefunction\",\"invocation_id\":\"00000000-0000-4000-8000-"
        let text = head + "000000000000\",\"function_id\":\"\(functionID)\",\"data\":" + dataJSON + "}"
        let message = Array(text.utf8)
        var buffer = ByteBuffer()
        buffer.writeMaskedMessage(message)
        bytes = buffer
        // Offsets are into the masked frame: the header of the (first) frame comes before the text.
        let firstFragment = message.count > Wire.largestSingleFrameBytes ? Wire.fragmentBytes : message.count
        let header = firstFragment < 126 ? 6 : firstFragment < 65_536 ? 8 : 14
        payloadStart = header
        idOffset = head.utf8.count
        keyOffset = text.utf8.firstRange(of: "############".utf8).map {
            text.utf8.distance(from: text.utf8.startIndex, to: $0.lowerBound)
        }
    }

    private let payloadStart: Int

    var byteCount: Int { bytes.readableBytes }

    /// Appends the frame of invocation `number`; `random` draws its key.
    func write(number: Int, random: inout SplitMix, to output: inout ByteBuffer) {
        let start = output.writerIndex
        output.writeImmutableBuffer(bytes)
        patch(number, radix: 16, at: idOffset, frameStart: start, in: &output)
        if let keyOffset {
            let key =
                switch keys {
                case .random(let limit): Int(random.next() % UInt64(limit))
                case .consecutive(let first): first + number
                }
            patch(key, radix: 10, at: keyOffset, frameStart: start, in: &output)
        }
    }

    private func patch(_ value: Int, radix: Int, at offset: Int, frameStart: Int, in output: inout ByteBuffer) {
        var rest = value
        for index in (offset..<(offset + 12)).reversed() {
            let digit = UInt8(rest % radix)
            rest /= radix
            let ascii = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
            output.setInteger(ascii ^ Wire.maskByte(at: index), at: frameStart + payloadStart + index)
        }
    }
}

/// A seeded generator (SplitMix64), so that every run writes the same keys.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
