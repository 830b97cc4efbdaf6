import Engine

/// Which route serves a path: a trie of segments, matched with backtracking, literal before parameter before
/// catch-all (http.md §5). A value: a change is in force at once and as a whole.
///
/// `Route` names what is served. Registrations of one method and key are kept in their order; the last one serves, and
/// when it goes the one before it serves again (http.md §4.1, Better).
struct RouteTable<Route: AnyObject> {
    struct Registration {
        let method: RouteMethod
        let pattern: RoutePattern
        let route: Route
    }

    enum Match {
        /// `parameters`: raw values, in the order of `RoutePattern.parameterNames`.
        case route(Registration, parameters: [Substring])
        /// The path is served, but not with this method. In the order of `RouteMethod`.
        case methodNotAllowed([RouteMethod])
        case notFound
    }

    private var root = Node()
    private(set) var count = 0

    // MARK: Changes

    /// The live registration that stands in the way: same method and shape, other spelling. `ignored` is about to go.
    func conflict(
        with pattern: RoutePattern,
        _ method: RouteMethod,
        ignoring ignored: Route?
    ) -> Registration? {
        root.conflict(with: pattern, pattern.segments[...], method, ignoring: ignored)
    }

    /// Adds a registration, which serves from now on. The caller has looked for conflicts.
    mutating func insert(_ registration: Registration) {
        root.update(registration.pattern.segments[...]) { $0.append(registration) }
        count += 1
    }

    /// Takes a registration out, wherever it stands among those of its key. Returns whether it was there.
    @discardableResult
    mutating func remove(_ route: Route, pattern: RoutePattern) -> Bool {
        var wasFound = false
        root.update(pattern.segments[...]) { registrations in
            wasFound = registrations.remove(route)
        }
        if wasFound { count -= 1 }
        return wasFound
    }

    // MARK: Matching

    /// `path` is the raw path of the request target, with its leading slash. A path whose method fits is preferred
    /// (Better). `GET` routes serve `HEAD` too.
    func match(_ path: Substring, _ method: RouteMethod?) -> Match {
        guard path.utf8.first == UInt8(ascii: "/") else { return .notFound }
        var search = Search(path: path.dropFirst(), method: method)
        if let registration = search.visit(root, from: search.path.startIndex) {
            return .route(registration, parameters: search.parameters)
        }
        guard !search.others.isEmpty else { return .notFound }
        return .methodNotAllowed(RouteMethod.allCases.filter { search.others.contains($0) })
    }

    /// One position of the trie. What ends here and what continues below.
    fileprivate struct Node {
        var literals: [Name: Node] = [:]
        /// Zero or one element: a struct can't hold itself.
        var parameter: [Node] = []
        var terminal = Registrations()
        var catchAll = Registrations()

        var isEmpty: Bool { literals.isEmpty && parameter.isEmpty && terminal.isEmpty && catchAll.isEmpty }
    }

    fileprivate struct Search {
        let path: Substring
        let method: RouteMethod?
        var parameters: [Substring] = []
        /// Methods of routes that the path matches, but not the method.
        var others: Set<RouteMethod> = []

        init(path: Substring, method: RouteMethod?) {
            self.path = path
            self.method = method
        }
    }
}

extension RouteTable.Node {
    /// A live registration with this method and shape but another spelling. A catch-all counts as a parameter (http.md §5).
    func conflict(
        with pattern: RoutePattern,
        _ segments: ArraySlice<RoutePattern.Segment>,
        _ method: RouteMethod,
        ignoring ignored: Route?
    ) -> RouteTable.Registration? {
        let isLast = segments.count == 1
        let next: Self?
        switch segments.first {
        case nil: return nil
        case .literal(let text): next = literals[text]
        case .parameter, .catchAll:
            if isLast, let found = catchAll.conflict(with: pattern, method, ignoring: ignored) { return found }
            next = parameter.first
        }
        return isLast
            ? next?.terminal.conflict(with: pattern, method, ignoring: ignored)
            : next?.conflict(with: pattern, segments.dropFirst(), method, ignoring: ignored)
    }

    /// Changes the registrations of one pattern, making the way there and clearing it when nothing is left.
    mutating func update(
        _ segments: ArraySlice<RoutePattern.Segment>,
        _ change: (inout RouteTable.Registrations) -> Void
    ) {
        switch segments.first {
        case nil:
            change(&terminal)
        case .catchAll:
            change(&catchAll)
        case .literal(let text):
            literals[text, default: Self()].update(segments.dropFirst(), change)
            if literals[text]?.isEmpty == true { literals[text] = nil }
        case .parameter:
            if parameter.isEmpty { parameter.append(Self()) }
            parameter[0].update(segments.dropFirst(), change)
            if parameter[0].isEmpty { parameter.removeAll() }
        }
    }
}

extension RouteTable.Search {
    /// The first registration that fits below `node`, in order of precedence. Every node is visited at most once.
    mutating func visit(_ node: RouteTable.Node, from start: Substring.Index) -> RouteTable.Registration? {
        let rest = path.utf8[start...]
        let end = rest.firstIndex(of: UInt8(ascii: "/"))
        let segment = path[start..<(end ?? path.endIndex)]
        if !node.literals.isEmpty, let next = node.literals[Name(String(segment))],
            let found = descend(into: next, after: end)
        {
            return found
        }
        if !segment.isEmpty, let next = node.parameter.first {
            parameters.append(segment)
            if let found = descend(into: next, after: end) { return found }
            parameters.removeLast()
        }
        if !rest.isEmpty, let found = choose(node.catchAll) {
            parameters.append(path[start...])
            return found
        }
        return nil
    }

    private mutating func descend(into node: RouteTable.Node, after end: Substring.Index?) -> RouteTable.Registration? {
        guard let end else { return choose(node.terminal) }
        return visit(node, from: path.utf8.index(after: end))
    }

    private mutating func choose(_ registrations: RouteTable.Registrations) -> RouteTable.Registration? {
        if let method, let found = registrations.serving(method) { return found }
        if method == .HEAD, let found = registrations.serving(.GET) { return found }
        for method in registrations.methods {
            others.insert(method)
            if method == .GET { others.insert(.HEAD) }
        }
        return nil
    }
}
