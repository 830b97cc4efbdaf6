import Testing

@testable import Workers

@Suite struct SearchNeedleTests {
    /// Every needle of up to four letters and every text of up to seven over two letters, against looking at each place.
    @Test func findsWhatAWalkFinds() {
        let texts = words(upTo: 7)
        for needle in words(upTo: 4) where !needle.isEmpty {
            for text in texts {
                let isThere = text.indices.contains { text[$0...].hasPrefix(needle) }
                if SearchNeedle(needle)?.isIn(text) != isThere { Issue.record("\(needle) in \(text)") }
            }
        }
    }

    /// The text of `search_hangs_engine`: looking at each place takes 10^12 steps.
    @Test func timeGrowsWithTheTextOnly() {
        let text = String(repeating: "a", count: 2_000_000)
        let half = String(repeating: "A", count: 1_000_000)
        #expect(SearchNeedle(half + "b")?.isIn(text) == false)
        #expect(SearchNeedle(half)?.isIn(text) == true)
        #expect(SearchNeedle(half + "b")?.rank(id: "f", description: text + "B") == 2)
    }

    @Test func nothingIsNoNeedle() {
        #expect(SearchNeedle(nil).map { _ in true } == nil)
        #expect(SearchNeedle("").map { _ in true } == nil)
        #expect(SearchNeedle("a")?.isIn(nil) == false)
    }

    private func words(upTo length: Int) -> [String] {
        (0...length).flatMap { count in
            (0..<(1 << count)).map { number in
                String((0..<count).map { number >> $0 & 1 == 0 ? "a" : "b" })
            }
        }
    }
}
