import ArgumentParser
import Storage

/// A key on the command line: text, or `0x` and hexadecimal digits, exactly as this tool prints keys.
struct KeyArgument: ExpressibleByArgument {
    var bytes: Bytes

    init?(argument: String) {
        guard argument.hasPrefix("0x") else {
            bytes = Bytes(argument.utf8)
            return
        }
        guard let bytes = Self.decode(argument.utf8.dropFirst(2)) else { return nil }
        self.bytes = bytes
    }

    private static func decode(_ digits: Substring.UTF8View) -> Bytes? {
        guard digits.count % 2 == 0 else { return nil }
        var bytes = Bytes()
        var high: UInt8?
        for digit in digits {
            guard let value = Character(Unicode.Scalar(digit)).hexDigitValue else { return nil }
            if let first = high {
                bytes.append(first << 4 | UInt8(value))
                high = nil
            } else {
                high = UInt8(value)
            }
        }
        return bytes
    }
}

extension LSN: ExpressibleByArgument {
    public init?(argument: String) {
        guard let value = UInt64(argument) else { return nil }
        self.init(rawValue: value)
    }
}

extension TableID: ExpressibleByArgument {
    public init?(argument: String) {
        guard let value = UInt16(argument) else { return nil }
        self.init(rawValue: value)
    }
}

extension RecordFilter.Kind: ExpressibleByArgument {}
