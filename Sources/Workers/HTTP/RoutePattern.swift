import Engine

/// The methods that a route can have (http.md §4).
enum RouteMethod: String, CaseIterable, Sendable {
    case GET, POST, PUT, DELETE, PATCH, HEAD, OPTIONS
}

/// A route's path, parsed: `users/:id`, `users/{id}`, `files/{*rest}` (http.md §5).
struct RoutePattern: Sendable {
    enum Segment: Sendable {
        case literal(Name)
        /// Exactly one non-empty segment.
        case parameter(String)
        /// The rest of the path, at least one byte; only as the last segment.
        case catchAll(String)
    }

    /// As registered, verbatim.
    let template: String
    /// Names the route together with the method: the template without its leading slashes.
    let key: Name
    let segments: [Segment]

    /// Throws a sentence that says what is wrong with the path.
    init(_ template: String) throws(InvocationError) {
        let trimmed = template.utf8.drop { $0 == UInt8(ascii: "/") }
        self.template = template
        key = Name(trimmed.isEmpty && !template.isEmpty ? "/" : String(Substring(trimmed)))
        let texts = trimmed.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard texts.count <= HTTPLimits.routeSegments else {
            throw Self.refusal(template, "it has more than \(HTTPLimits.routeSegments) segments")
        }
        var segments: [Segment] = []
        for (index, text) in texts.enumerated() {
            segments.append(try Self.segment(Substring(text), isLast: index == texts.count - 1, in: template))
        }
        self.segments = segments
    }

    var parameterNames: [String] {
        segments.compactMap { segment in
            switch segment {
            case .literal: nil
            case .parameter(let name), .catchAll(let name): name
            }
        }
    }

    private static func segment(
        _ text: Substring,
        isLast: Bool,
        in template: String
    ) throws(InvocationError) -> Segment {
        let bytes = text.utf8
        let hasBrace = bytes.contains { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "}") }
        switch bytes.first {
        case UInt8(ascii: "*"):
            throw refusal(template, "the segment `\(text)` starts with `*`; write `{*name}` for the rest of a path")
        case UInt8(ascii: ":"):
            let name = text.dropFirst()
            guard !name.isEmpty else { throw refusal(template, "the segment `:` has no parameter name") }
            guard !hasBrace else { throw refusal(template, "the segment `\(text)` has a brace in its parameter name") }
            return .parameter(String(name))
        case UInt8(ascii: "{") where bytes.count > 2 && bytes.last == UInt8(ascii: "}"):
            return try braced(text.dropFirst().dropLast(), isLast: isLast, in: template)
        default:
            guard !hasBrace else {
                throw refusal(template, "the segment `\(text)` has a brace; braces enclose a whole segment, `{name}`")
            }
            return .literal(Name(String(text)))
        }
    }

    private static func braced(
        _ inner: Substring,
        isLast: Bool,
        in template: String
    ) throws(InvocationError) -> Segment {
        let isCatchAll = inner.utf8.first == UInt8(ascii: "*")
        let name = isCatchAll ? inner.dropFirst() : inner
        guard !name.isEmpty, !name.utf8.contains(where: { "{}*".utf8.contains($0) }) else {
            throw refusal(template, "the segment `{\(inner)}` has no valid parameter name")
        }
        guard !isCatchAll || isLast else {
            throw refusal(template, "the segment `{\(inner)}` matches the rest of a path, so it must come last")
        }
        return isCatchAll ? .catchAll(String(name)) : .parameter(String(name))
    }

    private static func refusal(_ template: String, _ reason: String) -> InvocationError {
        .triggerRegistrationFailed("api_path '\(template)' is not valid: \(reason)")
    }
}
