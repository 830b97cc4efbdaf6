/// Limits on every JSON text that the engine reads.
public enum JSONLimits {
    /// Most containers inside each other. One more is an error; a scanner's state has room for exactly so many.
    public static let maximumDepth = 128
    /// Same, for values that come back from a store. Update operations can wrap a value of the greatest depth in
    /// a path of 32 more objects (state.md §4.2): what was written must stay readable.
    public static let maximumStoredDepth = 192
}
