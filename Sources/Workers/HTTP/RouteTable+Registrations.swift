extension RouteTable {
    /// What is registered at one place of the trie, by method, in the order of registration. The last one of a method
    /// serves. Every operation takes constant time on average, however many share the place: a worker may register one
    /// route many times.
    struct Registrations {
        private var stacks: [RouteMethod: Stack] = [:]

        var isEmpty: Bool { stacks.isEmpty }
        var methods: some Sequence<RouteMethod> { stacks.keys }

        func serving(_ method: RouteMethod) -> Registration? { stacks[method]?.last }

        /// The newest one of the method whose spelling differs. All of a place and method are spelled alike, except
        /// for `ignored`, which is about to go: so the two newest tell.
        func conflict(with pattern: RoutePattern, _ method: RouteMethod, ignoring ignored: Route?) -> Registration? {
            guard let stack = stacks[method] else { return nil }
            let newest = stack.last?.route === ignored ? stack.lastButOne : stack.last
            return newest.flatMap { $0.pattern.key != pattern.key ? $0 : nil }
        }

        mutating func append(_ registration: Registration) {
            stacks[registration.method, default: Stack()].append(registration)
        }

        mutating func remove(_ route: Route) -> Bool {
            // Not `stacks.keys`: it would hold a copy, and a change would copy everything.
            for method in RouteMethod.allCases where stacks[method]?.remove(route) == true {
                if stacks[method]?.isEmpty == true { stacks[method] = nil }
                return true
            }
            return false
        }
    }

    /// Registrations in their order. A removed one leaves a gap, except at the end; gaps are closed when they are most.
    fileprivate struct Stack {
        private var registrations: [Registration?] = []
        private var positions: [ObjectIdentifier: Int] = [:]

        var isEmpty: Bool { positions.isEmpty }
        var last: Registration? { registrations.last ?? nil }
        /// Walks gaps only, of which there are no more than registrations.
        var lastButOne: Registration? { registrations.dropLast().last { $0 != nil } ?? nil }

        mutating func append(_ registration: Registration) {
            positions[ObjectIdentifier(registration.route)] = registrations.count
            registrations.append(registration)
        }

        mutating func remove(_ route: Route) -> Bool {
            guard let position = positions.removeValue(forKey: ObjectIdentifier(route)) else { return false }
            registrations[position] = nil
            while let end = registrations.last, end == nil { registrations.removeLast() }
            if registrations.count > positions.count * 2 {
                registrations.removeAll { $0 == nil }
                for case (let position, let registration?) in registrations.enumerated() {
                    positions[ObjectIdentifier(registration.route)] = position
                }
            }
            return true
        }
    }
}
