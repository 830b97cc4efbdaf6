import BenchKit

/// Opening a large store against a small one: time and memory, each in a process of its own.
extension StorageBench {
    private static let smallMebibytes = 4

    func opening() throws -> [Row] {
        let large = try largeStore(mebibytes: options.storeMebibytes)
        let small = try largeStore(mebibytes: Self.smallMebibytes)
        var opened: (large: [[String: Double]], small: [[String: Double]]) = ([], [])
        try interleaved([
            { opened.large.append(try child(.open, [large])) },
            { opened.small.append(try child(.open, [small])) },
        ])
        func row(_ what: String, _ name: String, _ unit: String) throws -> Row {
            var pairs = Pairs()
            for (large, small) in zip(opened.large, opened.small) {
                pairs.append(ours: try told(large, name), peer: try told(small, name))
            }
            let before = try told(opened.large[0], "before-mib")
            return .ratio(
                "opening \(options.storeMebibytes) MiB against \(Self.smallMebibytes) MiB, \(what)",
                pairs,
                unit: unit,
                threshold: .atMost(bar: 1.5, goal: 1.1),
                limit: "the process has \(formatted(before)) MiB before it opens the store"
            )
        }
        return [try row("time", "open-milliseconds", "ms"), try row("resident memory", "resident-mib", "MiB")]
    }
}
