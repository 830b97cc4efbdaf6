/// Changes of a JSON text that leave the rest of its bytes alone: what the engine adds to a payload that it forwards.
public enum JSONSplice {
    /// The object's text with its top-level member `key` set to the JSON text `value`, as the first member. Members of that
    /// key are taken out wherever they stand, in every spelling; all other bytes stay as they are.
    ///
    /// A text that isn't a valid object is returned unchanged.
    public static func setMember(_ object: UnsafeRawBufferPointer, key: StaticString, value: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        setMember(object, key: key, value: value, into: &output)
        return output
    }

    /// Same, appending to `output`. `isKnownAbsent`: the caller has scanned the object and seen no such member; then the
    /// text is copied without another scan.
    public static func setMember(
        _ object: UnsafeRawBufferPointer,
        key: StaticString,
        value: [UInt8],
        isKnownAbsent: Bool = false,
        into output: inout [UInt8]
    ) {
        guard let brace = object.firstIndex(where: { !$0.isJSONWhitespace }), object[brace] == UInt8(ascii: "{") else {
            output.append(contentsOf: object)
            return
        }
        var layout = ObjectLayout()
        if !isKnownAbsent {
            guard let scanned = ObjectLayout(scanning: object, for: key) else {
                output.append(contentsOf: object)
                return
            }
            layout = scanned
        }
        // Room for the member, its quotes, colon and comma.
        output.reserveCapacity(output.count + object.count + value.count + key.utf8CodeUnitCount + 4)
        output.append(contentsOf: UnsafeRawBufferPointer(rebasing: object[...brace]))
        writeMember(key, value, into: &output)
        let rest = layout.copied ?? [(brace + 1)..<object.count]
        let isEmpty = layout.copied == nil ? isEmptyObject(object, after: brace) : layout.isEmptied
        if !isEmpty { output.append(UInt8(ascii: ",")) }
        for range in rest { output.append(contentsOf: UnsafeRawBufferPointer(rebasing: object[range])) }
    }

    private static func writeMember(_ key: StaticString, _ value: [UInt8], into output: inout [UInt8]) {
        var writer = JSONWriter(appendingTo: output)
        output = []
        writer.key(key)
        writer.raw(value)
        output = writer.bytes
    }

    private static func isEmptyObject(_ object: UnsafeRawBufferPointer, after brace: Int) -> Bool {
        object[(brace + 1)...].first { !$0.isJSONWhitespace } == UInt8(ascii: "}")
    }
}

/// Which bytes of an object stay when the members of one key go.
private struct ObjectLayout {
    /// Ranges to copy, in order, behind the opening brace; nil when the key is absent and everything stays.
    var copied: [Range<Int>]?
    /// Whether no member is left.
    var isEmptied = false
}

extension ObjectLayout {
    /// Nil when the text isn't a valid object.
    init?(scanning object: UnsafeRawBufferPointer, for key: StaticString) {
        var kept: [Range<Int>] = []
        var isFound = false
        var isFirst = true
        var end = 0
        do throws(JSONError) {
            try JSONScanner.scanObject(object) { member in
                // From behind the previous member's comma to the end of this value: white space included.
                let start = isFirst ? Self.first(object, UInt8(ascii: "{"), 0) + 1 : Self.first(object, UInt8(ascii: ","), end) + 1
                isFirst = false
                end = member.valueRange.upperBound
                if JSONScanner.key(object, of: member, is: key) {
                    isFound = true
                } else if isFound {
                    kept.append(start..<end)
                } else {
                    Self.extend(&kept, start..<end)
                }
            }
        } catch {
            return nil
        }
        guard isFound else { return }
        isEmptied = kept.isEmpty
        copied = Self.joined(kept, object, tail: end..<object.count)
    }

    private static func first(_ object: UnsafeRawBufferPointer, _ byte: UInt8, _ start: Int) -> Int {
        object[start...].firstIndex(of: byte) ?? object.count
    }
}
