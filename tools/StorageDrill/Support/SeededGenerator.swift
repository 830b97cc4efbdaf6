/// SplitMix64: small, seedable, the same everywhere.
struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    /// A stream of its own for each pair.
    init(seed: UInt64, _ number: UInt64) {
        var first = SeededGenerator(seed: seed)
        state = first.next() ^ Self.mixed(number &+ 0x632B_E59B_D9B4_E019)
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mixed(state)
    }

    static func mixed(_ value: UInt64) -> UInt64 {
        var mixed = value
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A choice that needs one number only.
    func isOneIn(_ whole: Int) -> Bool {
        var copy = self
        return copy.chance(1, in: whole)
    }

    mutating func chance(_ part: Int, in whole: Int) -> Bool {
        Int.random(in: 0..<whole, using: &self) < part
    }
}
