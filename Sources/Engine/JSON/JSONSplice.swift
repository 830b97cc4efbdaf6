/// Changes of a JSON text that leave the rest of its bytes alone: what the engine adds to a payload that it forwards.
public enum JSONSplice {
    /// The object's text with its top-level member `key` set to the JSON text `value`, as the last member. Members of
    /// that key are taken out wherever they stand, in every spelling; all other bytes stay as they are.
    ///
    /// A text that isn't a valid object is returned unchanged.
    public static func setMember(_ object: UnsafeRawBufferPointer, key: StaticString, value: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        setMember(object, key: key, value: value, into: &output)
        return output
    }

    /// Same, appending to `output`. One scan.
    public static func setMember(
        _ object: UnsafeRawBufferPointer,
        key: StaticString,
        value: [UInt8],
        into output: inout [UInt8]
    ) {
        reserve(object, key, value, &output)
        let start = output.count
        // Behind the last byte that has been copied or left out; then behind the brace or comma before a member.
        var end = 0
        var separator = UInt8(ascii: "{")
        var isEmpty = true
        do throws(JSONError) {
            try JSONScanner.scanObject(object) { member in
                // Only white space stands between `end` and the separator.
                while object[end] != separator { end += 1 }
                if !JSONScanner.key(object, of: member, is: key) {
                    output.append(isEmpty ? UInt8(ascii: "{") : UInt8(ascii: ","))
                    isEmpty = false
                    append(object, (end + 1)..<member.valueRange.upperBound, &output)
                }
                end = member.valueRange.upperBound
                separator = UInt8(ascii: ",")
            }
        } catch {
            output.removeSubrange(start...)
            output.append(contentsOf: object)
            return
        }
        if end == 0 { end = object.firstIndex(of: separator).map { $0 + 1 } ?? 0 }
        output.append(isEmpty ? UInt8(ascii: "{") : UInt8(ascii: ","))
        append(key, value, &output)
        append(object, end..<object.count, &output)
    }

    /// Same for a valid object that is known to have no such member, from a scan that the caller has done. No scan.
    public static func addMember(
        _ object: UnsafeRawBufferPointer,
        key: StaticString,
        value: [UInt8],
        into output: inout [UInt8]
    ) {
        guard let brace = object.lastIndex(of: UInt8(ascii: "}")) else {
            preconditionFailure("JSONSplice.addMember needs the text of an object")
        }
        reserve(object, key, value, &output)
        append(object, 0..<brace, &output)
        let last = object[..<brace].last { !$0.isJSONWhitespace }
        if last != UInt8(ascii: "{") { output.append(UInt8(ascii: ",")) }
        append(key, value, &output)
        append(object, brace..<object.count, &output)
    }

    /// Room for the object, the member, its quotes, colon and comma.
    private static func reserve(
        _ object: UnsafeRawBufferPointer,
        _ key: StaticString,
        _ value: [UInt8],
        _ output: inout [UInt8]
    ) {
        output.reserveCapacity(output.count + object.count + key.utf8CodeUnitCount + value.count + 4)
    }

    private static func append(_ object: UnsafeRawBufferPointer, _ range: Range<Int>, _ output: inout [UInt8]) {
        output.append(contentsOf: UnsafeRawBufferPointer(rebasing: object[range]))
    }

    private static func append(_ key: StaticString, _ value: [UInt8], _ output: inout [UInt8]) {
        var writer = JSONWriter(appendingTo: output)
        output = []
        writer.key(key)
        writer.raw(value)
        output = writer.bytes
    }
}
