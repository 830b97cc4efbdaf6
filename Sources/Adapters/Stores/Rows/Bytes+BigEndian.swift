import Storage

extension Bytes {
    init(bigEndian value: some FixedWidthInteger) {
        self = []
        append(bigEndian: value)
    }

    mutating func append(bigEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }

    /// The bytes from `offset` as one integer.
    func integer<Value: FixedWidthInteger & UnsignedInteger>(at offset: Int = 0, as _: Value.Type = Value.self) -> Value
    {
        self[offset..<(offset + MemoryLayout<Value>.size)].reduce(0) { $0 << 8 | Value($1) }
    }

    /// The first key behind all that begin with these bytes; nil: there is none.
    var endOfPrefix: Bytes? {
        guard let position = lastIndex(where: { $0 != .max }) else { return nil }
        var end = Bytes(self[...position])
        end[position] += 1
        return end
    }
}
