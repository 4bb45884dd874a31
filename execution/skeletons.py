"""What an editor begins with where a question has no starter code: a whole program that reads a line and prints it.

It shows what a language expects around one's own lines: Java's class is called `Main`, PHP has an opening tag.
"""

PYTHON = """\
line = input()
print(line)
"""

CPP = """\
#include <iostream>
#include <string>

int main() {
    std::string line;
    std::getline(std::cin, line);
    std::cout << line << '\\n';
}
"""

C = """\
#include <stdio.h>

int main(void) {
    char line[1000];
    if (fgets(line, sizeof line, stdin)) fputs(line, stdout);
    return 0;
}
"""

JAVA = """\
import java.util.Scanner;

public class Main {
    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        String line = in.nextLine();
        System.out.println(line);
    }
}
"""

JAVASCRIPT = """\
const lines = require("fs").readFileSync(0, "utf8").split("\\n");
console.log(lines[0]);
"""

GO = """\
package main

import (
	"bufio"
	"fmt"
	"os"
)

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	fmt.Println(in.Text())
}
"""

RUST = """\
use std::io;

fn main() {
    let mut line = String::new();
    io::stdin().read_line(&mut line).unwrap();
    println!("{}", line.trim_end());
}
"""

RUBY = """\
line = gets.chomp
puts line
"""

PHP = """\
<?php
$line = rtrim(fgets(STDIN));
echo $line, "\\n";
"""

PERL = """\
use strict;
use warnings;

my $line = <STDIN>;
chomp $line;
print "$line\\n";
"""

LUA = """\
local line = io.read()
print(line)
"""

PASCAL = """\
program Main;

var
  line: string;

begin
  readln(line);
  writeln(line);
end.
"""

BASH = """\
read -r line
echo "$line"
"""
