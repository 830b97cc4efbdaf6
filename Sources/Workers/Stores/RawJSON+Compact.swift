import Engine

extension RawJSON {
    /// Length of the compact text when it exceeds `limit`; white space doesn't count.
    func compactBytes(ifAbove limit: Int) -> Int? {
        guard count > limit, let tree = try? parse() else { return nil }
        let compact = RawJSON(tree).count
        return compact > limit ? compact : nil
    }
}
