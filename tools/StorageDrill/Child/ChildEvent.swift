import Glibc

/// What the workload's process tells its parent, in nine bytes: a letter and a number.
enum ChildEvent: Equatable, Sendable {
    case opening
    /// Open; transactions found.
    case opened(UInt64)
    /// This transaction is about to be committed: from now on it may be there.
    case begun(UInt64)
    /// This transaction, and all before it, must be there.
    case acknowledged(UInt64)
    /// A read has shown this many transactions: they must be there too (I4).
    case seen(UInt64)
    case closing
    case closed

    static let bytes = 9

    private var parts: (letter: Character, number: UInt64) {
        switch self {
        case .opening: ("o", 0)
        case .opened(let count): ("O", count)
        case .begun(let number): ("b", number)
        case .acknowledged(let number): ("a", number)
        case .seen(let number): ("s", number)
        case .closing: ("c", 0)
        case .closed: ("C", 0)
        }
    }

    /// One write, so that events of several threads don't mix. What was written before a SIGKILL is still read.
    func send(_ descriptor: Int32) {
        var frame = [UInt8](repeating: 0, count: Self.bytes)
        frame[0] = parts.letter.asciiValue ?? 0
        for index in 0..<8 { frame[index + 1] = UInt8(truncatingIfNeeded: parts.number >> UInt64(index * 8)) }
        while write(descriptor, frame, frame.count) < 0 && errno == EINTR {}
    }

    init?(frame: ArraySlice<UInt8>) {
        guard frame.count == Self.bytes, let letter = frame.first else { return nil }
        let number = frame.dropFirst().reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        switch Character(UnicodeScalar(letter)) {
        case "o": self = .opening
        case "O": self = .opened(number)
        case "b": self = .begun(number)
        case "a": self = .acknowledged(number)
        case "s": self = .seen(number)
        case "c": self = .closing
        case "C": self = .closed
        default: return nil
        }
    }
}
