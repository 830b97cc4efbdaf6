/// The request target split into raw path and raw query. Absolute form (`http://host/path`) gives its path; a fragment
/// is dropped.
struct RequestTarget {
    let path: Substring
    /// Without the `?`; nil when there is none.
    let query: Substring?

    init(_ uri: String) {
        var text = uri[...]
        if text.utf8.first != UInt8(ascii: "/") { text = Self.withoutAuthority(text) }
        let end = text.utf8.firstIndex(of: UInt8(ascii: "#")) ?? text.endIndex
        let mark = text.utf8.firstIndex(of: UInt8(ascii: "?")).flatMap { $0 < end ? $0 : nil }
        path = text[..<(mark ?? end)]
        query = mark.map { text[text.utf8.index(after: $0)..<end] }
    }

    private static func withoutAuthority(_ uri: Substring) -> Substring {
        let bytes = uri.utf8
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), bytes[colon...].starts(with: "://".utf8) else {
            return uri
        }
        let authority = bytes[bytes.index(colon, offsetBy: 3)...]
        let end = authority.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? authority.endIndex
        let rest = uri[end...]
        return rest.utf8.first == UInt8(ascii: "/") ? rest : "/" + rest
    }
}
