import NIOCore

/// Validated JSON text, carried as the bytes that came in.
///
/// What the engine only forwards stays in this form: it is neither parsed into a tree nor printed again
/// (architecture.md, "The way of the data"). A tree is built only where an in-process worker asks for one.
public struct RawJSON: Sendable {
    /// The text: exactly one JSON value, no surrounding white space needed.
    public let buffer: ByteBuffer

    /// Wraps bytes that a scanner of this module has accepted.
    public init(validated buffer: ByteBuffer) {
        self.buffer = buffer
    }

    public init(_ json: JSON) {
        var writer = JSONWriter()
        writer.value(json)
        self.buffer = ByteBuffer(bytes: writer.bytes)
    }

    /// A constant that is JSON by inspection, such as `{}`.
    public init(literal: StaticString) {
        self.buffer = ByteBuffer(staticString: literal)
    }

    /// Text of unknown quality, such as an HTTP body.
    public static func validating(_ buffer: ByteBuffer) throws(JSONError) -> RawJSON {
        try buffer.validateJSON()
        return RawJSON(validated: buffer)
    }

    public static let null = RawJSON(literal: "null")
    public static let emptyObject = RawJSON(literal: "{}")

    /// Length of the text in bytes.
    public var count: Int { buffer.readableBytes }

    /// The tree. `maximumDepth` is larger for values that come back from a store.
    public func parse(maximumDepth: Int = JSONLimits.maximumDepth) throws(JSONError) -> JSON {
        let result: Result<JSON, JSONError> = buffer.withUnsafeReadableBytes { bytes in
            do throws(JSONError) {
                return .success(try JSON.parse(bytes, maximumDepth: maximumDepth))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    public var isNull: Bool { equals("null") }
    public var isFalse: Bool { equals("false") }
    public var isObject: Bool { firstByte == UInt8(ascii: "{") }

    private var firstByte: UInt8? {
        buffer.withUnsafeReadableBytes { bytes in
            bytes.first { $0 != 0x20 && $0 != 0x0A && $0 != 0x0D && $0 != 0x09 }
        }
    }

    private func equals(_ literal: StaticString) -> Bool {
        buffer.withUnsafeReadableBytes { bytes in
            bytes.count == literal.utf8CodeUnitCount
                && literal.withUTF8Buffer { bytes.elementsEqual($0) }
        }
    }
}

extension ByteBuffer {
    func validateJSON() throws(JSONError) {
        let failure: JSONError? = withUnsafeReadableBytes { bytes in
            do throws(JSONError) {
                _ = try JSONScanner.validate(bytes)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }
}

extension RawJSON: CustomStringConvertible {
    public var description: String { String(buffer: buffer) }
}
