import Engine
import NIOCore

/// The members of a call's payload, found in its bytes without building a tree: names, for a write one value, and what the
/// caller wants to be told.
struct PayloadScan {
    /// Members that are strings; the last is empty for who asks for two only.
    private(set) var names: InlineArray<3, String?> = [nil, nil, nil]
    private(set) var options = WriteOptions()
    private(set) var value: RawJSON?

    private var valueRange: Range<Int>?
    private var isPlain = true

    /// nil: whatever is not plainly right goes to the strict reader, which words the error.
    init?(
        _ data: RawJSON,
        names keys: InlineArray<3, StaticString?>,
        value valueKey: StaticString? = nil,
        alias: StaticString? = nil
    ) {
        let isObject = data.buffer.withUnsafeReadableBytes { bytes in
            do throws(JSONError) {
                try JSONScanner.scanObject(bytes) { read($0, of: bytes, keys, valueKey, alias) }
                return true
            } catch {
                return false
            }
        }
        guard isObject, isPlain else { return nil }
        for index in keys.indices where keys[index] != nil && names[index] == nil { return nil }
        guard valueKey != nil else { return }
        guard let valueRange else { return nil }
        let start = data.buffer.readerIndex + valueRange.lowerBound
        guard let slice = data.buffer.getSlice(at: start, length: valueRange.count) else { return nil }
        value = RawJSON(validated: slice)
    }

    private mutating func read(
        _ member: JSONMember,
        of bytes: UnsafeRawBufferPointer,
        _ keys: InlineArray<3, StaticString?>,
        _ valueKey: StaticString?,
        _ alias: StaticString?
    ) {
        guard !member.keyHasEscapes else {
            isPlain = false
            return
        }
        for index in keys.indices {
            guard let key = keys[index], JSONScanner.key(bytes, of: member, is: key) else { continue }
            if names[index] != nil { isPlain = false }
            names[index] = member.kind == .string ? JSONScanner.string(bytes, token: member.valueRange) : nil
            return
        }
        if member.isNamed(valueKey, in: bytes) || member.isNamed(alias, in: bytes) {
            if valueRange != nil { isPlain = false }
            valueRange = member.valueRange
        } else if options.read(member, of: bytes) == .unclear {
            isPlain = false
        }
    }
}

extension JSONMember {
    fileprivate func isNamed(_ name: StaticString?, in bytes: UnsafeRawBufferPointer) -> Bool {
        guard let name else { return false }
        return JSONScanner.key(bytes, of: self, is: name)
    }
}
